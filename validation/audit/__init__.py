"""An attacker on what is published: finds whom the reporting marts give away.

Independent of the suppression on purpose: it imports nothing of `transforms` and reads what a
member of the public could, the reporting marts and the public configuration. It knows no true
number.
`folder.audit_folder` is the way in.
"""
