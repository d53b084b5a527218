"""Designs of number plates: sizes, colours, scripts and the order of letters and digits.

Sizes and colours follow the common issue of each country as its public descriptions give them. They need not be exact:
the network must recognise what plates have in common, so `render.py` varies all of them.
"""

from dataclasses import dataclass

LATIN = "ABCDEFGHJKLMNPRSTUVWXYZ"
CYRILLIC = "ABEKMHOPCTYX"  # the Russian letters that look Latin
GREEK = "ABEHIKMNOPTXYZ"
ARABIC = "أبحدرسصطعقكلمنهوى"
ARABIC_DIGITS = "٠١٢٣٤٥٦٧٨٩"
PERSIAN = "بجدسصطقلمنوهی"
PERSIAN_DIGITS = "۰۱۲۳۴۵۶۷۸۹"
CHINESE = "京津冀晋蒙辽吉黑沪苏浙皖闽赣鲁豫鄂湘粤桂琼渝川贵云藏陕甘青宁新"
KANA = "さすせそたちつてとなにぬねのはひふほまみむめもやゆよらりるれろ"
KANJI = ["品川", "横浜", "大阪", "名古屋", "札幌", "福岡", "京都", "神戸", "仙台", "広島", "千葉", "多摩"]
HANGUL = "가나다라마거너더러머고노도로모구누두루무"
THAI = "กขคงจฉชฌญฎฐณดตถทธนบปผพภมยรลวศษสหอฮ"
THAI_PLACES = ["กรุงเทพมหานคร", "เชียงใหม่", "ภูเก็ต", "ชลบุรี", "นครราชสีมา"]
DEVANAGARI = "बागप"
DEVANAGARI_DIGITS = "०१२३४५६७८९"
BENGALI = "কখগঘচজতথ"
BENGALI_DIGITS = "০১২৩৪৫৬৭৮৯"

WHITE, YELLOW, BLACK, RED = (242, 242, 238), (245, 200, 30), (20, 20, 22), (176, 28, 36)
BLUE, GREEN, SKY, ORANGE = (24, 52, 140), (20, 110, 60), (120, 170, 215), (235, 130, 30)
NAVY, GREY, MINT, INK = (16, 28, 84), (196, 198, 200), (150, 215, 170), (28, 28, 32)


@dataclass(frozen=True)
class Design:
    """One kind of plate.

    A pattern has a character for each sign: `L` letter, `D` digit, `P` a place or prefix of `places`, `A` a sign of
    `alphabet`, `N` a sign of `digits`; all others stand for themselves. `/` begins the second line.
    """

    name: str
    size: tuple  # width and height in millimetres
    patterns: tuple
    ground: tuple = (WHITE,)  # possible colours of the plate
    ink: tuple = (INK,)  # of its characters, in the same order
    band: str = ""  # country code of a blue band on the left; "-" for a plain band
    right: bool = False  # whether there is a band on the right too
    border: bool = True
    letters: str = LATIN
    alphabet: str = LATIN
    digits: str = "0123456789"
    places: tuple = ()
    header: tuple = ()  # small words above the characters
    footer: tuple = ()  # small words below them
    weight: float = 1.0


EU, SQUARE, AMERICAN = (520, 110), (280, 200), (305, 152)
BIKE = (200, 180)

DESIGNS = [
    Design("germany", EU, ("L LL DDDD", "LL LL DDD", "LLL L DD", "L L DDDDE", "LL L DDDH"), band="D", weight=2),
    Design("germany, two lines", (280, 200), ("LL/LL DDD", "L/LL DDDD"), band="D"),
    Design("germany, motorcycle", BIKE, ("L/LL DD", "LL/L DDD"), band="D"),
    Design("germany, dealer", EU, ("L 06DDDD", "LL 06DDD"), ink=(RED,), band="D", weight=0.4),
    Design("france", EU, ("LL-DDD-LL",), band="F", right=True),
    Design("italy", EU, ("LL DDDLL",), band="I", right=True),
    Design("spain", EU, ("DDDD LLL",), band="E"),
    Design("portugal", EU, ("LL DD LL", "DD-LL-DD"), band="P"),
    Design("netherlands", EU, ("LL-DDD-L", "D-LLL-DD", "DD-LL-LL"), ground=(YELLOW,), band="NL"),
    Design("belgium", EU, ("D-LLL-DDD",), ink=(RED,), band="B"),
    Design("luxembourg", EU, ("LL DDDD",), ground=(YELLOW,), band="L"),
    Design("britain", (520, 111), ("LLDD LLL",), ground=(WHITE, YELLOW), ink=(INK, INK), border=False, weight=1.5),
    Design("britain, two lines", (285, 203), ("LLDD/LLL",), ground=(WHITE, YELLOW), ink=(INK, INK), border=False),
    Design("britain, old", (520, 111), ("LLL DDDL", "LDDD LLL"), ground=(BLACK,), ink=(GREY,), border=False, weight=0.4),
    Design("ireland", EU, ("DDD-L-DDDDD", "DD-L-DDDD"), band="IRL", header=("DUBLIN", "Baile Átha Cliath")),
    Design("austria", EU, ("LL DDDLL", "L DDDDL"), band="A"),
    Design("switzerland", (300, 80), ("LL DDDDDD", "LL DDDDD"), border=False),
    Design("switzerland, two lines", (300, 160), ("LL/DDDDDD",), border=False),
    Design("sweden", EU, ("LLL DDD", "LLL DDL"), band="S"),
    Design("norway", EU, ("LL DDDDD",), band="N"),
    Design("norway, electric", EU, ("EL DDDDD", "EK DDDDD"), ground=(WHITE, GREEN), ink=(INK, WHITE), band="N", weight=0.5),
    Design("denmark", EU, ("LL DD DDD",), band="DK"),
    Design("finland", (442, 118), ("LLL-DDD",), band="FIN"),
    Design("iceland", EU, ("LL LDD", "LL DDD"), ink=(BLUE,)),
    Design("poland", EU, ("LL DDDDD", "LLL DDLL", "LL DDDLL"), band="PL", weight=1.5),
    Design("czechia", EU, ("DLD DDDD",), band="CZ"),
    Design("slovakia", EU, ("LL-DDDLL",), band="SK"),
    Design("hungary", EU, ("LLL-DDD", "LL LL-DDD"), band="H"),
    Design("romania", EU, ("LL DD LLL", "B DDD LLL"), band="RO"),
    Design("bulgaria", EU, ("LL DDDD LL",), band="BG", letters=CYRILLIC),
    Design("greece", EU, ("LLL-DDDD",), band="GR", letters=GREEK),
    Design("croatia", EU, ("LL DDDD-LL", "LL DDD-LL"), band="HR"),
    Design("serbia", EU, ("LL DDDD-LL", "LL DDD-LL"), band="SRB"),
    Design("lithuania", EU, ("LLL DDD",), band="LT"),
    Design("estonia", EU, ("DDD LLL",), band="EST"),
    Design("turkey", EU, ("DD LL DDDD", "DD LLL DD", "DD L DDDD"), band="TR"),
    Design("russia", (520, 112), ("LDDDLL|DD", "LDDDLL|DDD"), letters=CYRILLIC, weight=1.5),
    Design("russia, two lines", (290, 170), ("LDDD/LL DD",), letters=CYRILLIC),
    Design("ukraine", EU, ("LL DDDD LL",), band="UA", letters=CYRILLIC),
    Design("belarus", EU, ("DDDD LL-D",), band="BY", letters=CYRILLIC),
    Design("kazakhstan", (520, 112), ("DDD LLL|DD",), band="-"),
    Design("georgia", EU, ("LL-DDD-LL",), band="GE"),
    Design("israel", EU, ("DD-DDD-DD", "DDD-DD-DDD"), ground=(YELLOW,), band="IL"),
    Design("israel, two lines", (330, 165), ("DDD/DD-DDD",), ground=(YELLOW,)),
    Design("diplomatic", EU, ("CD DD-DDD", "DD D DDD"), ground=(SKY, BLUE, GREEN, ORANGE), ink=(INK, WHITE, WHITE, INK), weight=0.6),
    Design("military", EU, ("L DDD DDD", "DDD DDD"), ground=(BLACK, GREEN), ink=(WHITE, WHITE), weight=0.4),
    Design("california", AMERICAN, ("DLLLDDD",), ink=(BLUE,), header=("California",), footer=("dmv.ca.gov",), border=False, weight=1.5),
    Design("new york", AMERICAN, ("LLL DDDD",), ground=(WHITE, YELLOW), ink=(NAVY, NAVY), header=("NEW YORK",), footer=("EXCELSIOR", "EMPIRE STATE"), border=False),
    Design("texas", AMERICAN, ("LLL DDDD",), header=("TEXAS",), footer=("The Lone Star State",), border=False),
    Design("florida", AMERICAN, ("LLL LDD", "LLLL DD"), ink=(GREEN,), header=("FLORIDA", "MYFLORIDA.COM"), footer=("SUNSHINE STATE",), border=False),
    Design("another state", AMERICAN, ("LLL DDDD", "DDD LLL", "LL DDDDD", "DDDDDD", "LLL DDD"),
           ground=(WHITE, SKY, MINT, YELLOW, GREY, NAVY, RED, ORANGE, BLACK), ink=(NAVY, NAVY, GREEN, INK, RED, WHITE, WHITE, INK, YELLOW),
           header=("OHIO", "Pennsylvania", "COLORADO", "Illinois", "Michigan", "Washington", "NEVADA", "Virginia", "Georgia", "MAINE"),
           footer=("Birthplace of Aviation", "VISITPA.COM", "Land of Lincoln", "Pure Michigan", "Evergreen State", "Vacationland", "Peach State"),
           border=False, weight=3),
    Design("america, motorcycle", (178, 102), ("DDLDDDD", "LLDDD"), ink=(NAVY,), header=("TEXAS", "OHIO", "Utah"), border=False),
    Design("ontario", AMERICAN, ("LLLL DDD",), ink=(BLUE,), header=("ONTARIO",), footer=("YOURS TO DISCOVER",), border=False),
    Design("quebec", AMERICAN, ("LDD LLL", "DDD LLL"), ink=(BLUE,), header=("Québec",), footer=("Je me souviens",), border=False),
    Design("mexico", (300, 150), ("LLL-DD-DD", "LDD-LLL"), header=("JALISCO", "MEXICO", "CDMX", "SONORA"), footer=("DELANTERA", "TRASERA"), border=False),
    Design("mercosur", (400, 130), ("LLLDLDD", "LL DDD LL"), header=("BRASIL", "REPUBLICA ARGENTINA", "URUGUAY", "PARAGUAY"), weight=2),
    Design("brazil, old", (400, 130), ("LLL-DDDD",), ground=(GREY, RED), ink=(INK, WHITE), header=("SP-SAO PAULO", "RJ-RIO DE JANEIRO")),
    Design("argentina, old", (294, 129), ("LLL DDD",), ground=(BLACK,), ink=(WHITE,), header=("ARGENTINA",)),
    Design("chile", (360, 130), ("LL·LL·DD",), footer=("CHILE",)),
    Design("colombia", (330, 160), ("LLL DDD",), ground=(YELLOW, WHITE), ink=(INK, INK), footer=("BOGOTA D.C.", "MEDELLIN", "CALI")),
    Design("peru", (300, 150), ("LDL-DDD",), header=("PERU",)),
    Design("china", (440, 140), ("PL·LDDDD", "PL·DDDDD", "PL·DLDDD"), ground=(BLUE, YELLOW, WHITE, BLACK), ink=(WHITE, INK, INK, WHITE), places=tuple(CHINESE), weight=2),
    Design("china, electric", (480, 140), ("PLDDDDDD", "PLLDDDDD"), ground=(MINT,), places=tuple(CHINESE)),
    Design("china, two lines", (440, 220), ("PL/DDDDD",), ground=(YELLOW,), places=tuple(CHINESE)),
    Design("hong kong", (520, 110), ("LL DDDD",), ground=(WHITE, YELLOW), ink=(INK, INK), border=False),
    Design("taiwan", (380, 160), ("LLL-DDDD",), border=False),
    Design("japan", (330, 165), ("P DDD/A DD-DD",), ground=(WHITE, YELLOW, GREEN, BLACK), ink=(GREEN, INK, WHITE, YELLOW), places=tuple(KANJI), alphabet=KANA, weight=2),
    Design("korea", EU, ("DDDA DDDD", "DDA DDDD"), ground=(WHITE, YELLOW), ink=(INK, INK), alphabet=HANGUL, border=False),
    Design("korea, two lines", (335, 170), ("P DD/A DDDD",), ground=(GREEN, YELLOW), ink=(WHITE, INK), alphabet=HANGUL, places=("서울", "부산", "경기", "인천")),
    Design("thailand", (340, 150), ("DAA DDDD", "AA DDDD"), alphabet=THAI, footer=tuple(THAI_PLACES)),
    Design("vietnam", (330, 165), ("DDL/DDD.DD",), ground=(WHITE, YELLOW, BLUE), ink=(INK, INK, WHITE)),
    Design("vietnam, long", (520, 110), ("DDL-DDD.DD",), ground=(WHITE, YELLOW), ink=(INK, INK)),
    Design("vietnam, motorcycle", (190, 140), ("DD-LD/DDD.DD",)),
    Design("indonesia", (395, 135), ("L DDDD LLL", "LL DDDD LL"), ground=(BLACK, WHITE, YELLOW), ink=(WHITE, INK, INK), footer=("05·28", "11·27"), weight=1.5),
    Design("malaysia", (450, 110), ("LLL DDDD", "LL DDDD L"), ground=(BLACK,), ink=(WHITE,), border=False),
    Design("malaysia, two lines", (250, 160), ("LLL/DDDD",), ground=(BLACK,), ink=(WHITE,), border=False),
    Design("singapore", (520, 110), ("SLL DDDD L",), ground=(BLACK, WHITE, YELLOW), ink=(WHITE, INK, INK), border=False),
    Design("philippines", (390, 140), ("LLL DDDD",), footer=("PILIPINAS", "REGION IV-A")),
    Design("india", (500, 120), ("LL DD LL DDDD", "LL DD L DDDD"), ground=(WHITE, YELLOW, GREEN, BLACK), ink=(INK, INK, WHITE, YELLOW), band="IND", weight=2),
    Design("india, two lines", (340, 200), ("LL DD/LL DDDD", "LL DD L/DDDD"), ground=(WHITE, YELLOW), ink=(INK, INK), border=False, weight=1.5),
    Design("india, motorcycle", (200, 100), ("LL DD L/DDDD",)),
    Design("nepal", (330, 165), ("A D A/NNNN", "AN A NNNN"), ground=(RED, BLACK, WHITE), ink=(WHITE, WHITE, RED), alphabet=DEVANAGARI, digits=DEVANAGARI_DIGITS),
    Design("bangladesh", (360, 160), ("P-A/NN-NNNN",), ground=(WHITE, GREEN), ink=(INK, WHITE), alphabet=BENGALI, digits=BENGALI_DIGITS, places=("ঢাকা মেট্রো", "চট্ট মেট্রো")),
    Design("pakistan", (340, 150), ("LLL-DDD", "LE-DD-DDDD"), ground=(WHITE, YELLOW), ink=(INK, INK), header=("SINDH", "PUNJAB", "ISLAMABAD")),
    Design("sri lanka", (520, 110), ("LL LLL-DDDD",), ground=(WHITE, YELLOW), ink=(INK, INK)),
    Design("iran", EU, ("NNANNN|NN",), ground=(WHITE, YELLOW, RED, GREEN), ink=(INK, INK, WHITE, WHITE), band="I.R.", alphabet=PERSIAN, digits=PERSIAN_DIGITS),
    Design("saudi arabia", (335, 155), ("NNNN AAA/DDDD LLL",), alphabet=ARABIC, digits=ARABIC_DIGITS, right=True),
    Design("emirates", EU, ("L DDDDD", "DD DDDDD"), footer=("DUBAI", "ABU DHABI", "U.A.E"), border=False),
    Design("egypt", (350, 170), ("NNNN AAA",), alphabet=ARABIC, digits=ARABIC_DIGITS, header=("EGYPT   مصر",)),
    Design("morocco", EU, ("DDDDD|A|DD",), alphabet=ARABIC),
    Design("iraq", (520, 110), ("DD L DDDDD", "NNNNN A"), alphabet=ARABIC, digits=ARABIC_DIGITS, band="IRQ"),
    Design("algeria", EU, ("DDDDD DDD DD",), ground=(WHITE, YELLOW), ink=(INK, INK), border=False),
    Design("tunisia", (520, 110), ("DDD تونس DDDD",), ground=(BLACK,), ink=(WHITE,)),
    Design("south africa", (440, 120), ("LL DD LL GP", "CA DDD-DDD", "LLL DDD GP"), ground=(WHITE, YELLOW), ink=(BLUE, INK)),
    Design("nigeria", (420, 140), ("LLL-DDDLL",), ink=(BLUE,), header=("LAGOS", "ABUJA"), footer=("FEDERAL REPUBLIC OF NIGERIA",)),
    Design("kenya", (520, 110), ("LLL DDDL",), ground=(WHITE, YELLOW), ink=(INK, INK), border=False),
    Design("kenya, two lines", (285, 200), ("LLL/DDDL",), ground=(YELLOW,), border=False),
    Design("ghana", (520, 110), ("LL DDDD-DD",), band="GH"),
    Design("new south wales", (372, 134), ("LLLDDL", "LL-DD-LL"), ground=(YELLOW, WHITE), ink=(INK, INK), footer=("NEW SOUTH WALES",), border=False),
    Design("victoria", (372, 134), ("DLLDLL",), ink=(BLUE,), footer=("VICTORIA - THE EDUCATION STATE",), border=False),
    Design("queensland", (372, 134), ("DDDLLD", "DDD·LLL"), ink=(RED,), footer=("QUEENSLAND - SUNSHINE STATE",), border=False),
    Design("new zealand", (360, 125), ("LLLDDD",), border=False),
    Design("temporary", (300, 150), ("DDDDDD", "LDDDDD", "TEMP DDDD"), header=("TEMPORARY", "DEALER", "TRANSIT"), border=True, weight=0.5),
]
