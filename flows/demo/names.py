"""The small lists that every person's name in the demonstration is drawn from: all made up."""

GIVEN_NAMES = (
    "Ardinel", "Belkara", "Corvand", "Delphora", "Emberlin", "Fenwicka", "Galdorin", "Hesperin",
    "Ilvanoa", "Jorandel", "Kestrina", "Lumaroza", "Mirabeck", "Novalynd", "Orvandre", "Pellandra",
    "Quenzari", "Rowandeo", "Sorelline", "Tavikram", "Ulvandi", "Verityne", "Wendolyr", "Xochimara",
    "Yarrowen", "Zephandra", "Añelisa", "Brisamar", "Cielandro", "Dúlcinor",
)  # fmt: skip

FAMILY_NAMES = (
    "Ashvender", "Brackwold", "Cindermoor", "Dovetarn", "Eldergaunt", "Fallowmere", "Grintobel",
    "Hollowick", "Inkberrow", "Juniperson", "Kettlesby", "Lowenfrost", "Marrow-Tane", "Nettlefold",
    "O'Vellary", "Pinderloch", "Quistgaard-Ley", "Rookhaven", "Sandorval", "Thistlewane",
    "Umberlain", "Vandermoss", "Wickenshaw", "Yewbarrow", "Zelnikova", "Peñaluze", "Tran-Oldeby",
    "Saldívarro", "Okonmere", "Farwellan",
)  # fmt: skip
