"""The little style that Data Docs pages need to be read without fetching anything."""

STYLE = """<style>
body{font:15px/1.5 system-ui,sans-serif;color:#1d2430;margin:0;background:#fff}
a{color:#0b57a4} h1{font-size:1.5rem} h4,h5,h6{margin:.6rem 0 .2rem}
main,.container-fluid{padding:16px 28px} .row{display:flex;flex-wrap:wrap}
.col-12{width:100%} .col-6{width:48%} .col-md-2{width:20%;min-width:15rem}
.col-md-10{flex:1;min-width:30rem} .alert{background:#eef1f5;padding:10px 16px;border-radius:4px}
table{border-collapse:collapse;width:100%;margin:.5rem 0} td,th{text-align:left;vertical-align:top;
padding:5px 10px;border-bottom:1px solid #d5dae1} th{background:#f6f8fa}
.badge{background:#e4e8ee;border-radius:3px;padding:0 5px} .navbar{padding:8px 28px}
.breadcrumb,.nav{list-style:none;display:flex;flex-wrap:wrap;gap:8px;padding:0;margin:0}
.nav-item{width:100%} .sticky{position:static} [hidden],.cooltip .top,.btn,footer{display:none}
.fa-check-circle::before{content:"\\2714";color:#19692c}
.fa-times::before{content:"\\2718";color:#a61b1b}
.fa-exclamation-triangle::before{content:"\\26A0";color:#8a5a00}
.passed{color:#19692c} .failed{color:#a61b1b} .warned{color:#8a5a00} small{color:#566}
</style>"""
