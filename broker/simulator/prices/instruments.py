"""The built-in instruments: well-known shares and indices, with the price level around which each moves."""

from typing import NamedTuple


class Share(NamedTuple):
    symbol: str
    name: str
    level: float
    nse_id: str = ""
    """The exchange's number if the broker's documents give it; the others are invented (see `nse_number`)."""
    bse_id: str = ""
    isin: str = ""
    series: str = "EQ"


SHARES = (
    Share("RELIANCE", "RELIANCE INDUSTRIES LTD", 1400, "2885", "500325", "INE002A01018"),
    Share("TCS", "TATA CONSULTANCY SERVICES LTD", 3100, "", "532540", "INE467B01029"),
    Share("INFY", "INFOSYS LIMITED", 1500, "1594", "500209", "INE009A01021"),
    Share("HDFCBANK", "HDFC BANK LTD", 970, "", "500180", "INE040A01034"),
    Share("ITC", "ITC LTD", 410, "", "500875", "INE154A01025"),
    Share("SBIN", "STATE BANK OF INDIA", 850, "3045", "500112", "INE062A01020"),
    Share("M&M", "MAHINDRA & MAHINDRA LTD", 3400, "2031", "500520", "INE101A01026"),
    Share("BAJAJ-AUTO", "BAJAJ AUTO LIMITED", 8900, "16669", "532977", "INE917I01010"),
    Share("LT", "LARSEN & TOUBRO LTD", 3700, "", "500510", "INE018A01030"),
    Share("IDEA", "VODAFONE IDEA LIMITED", 9, "14366", "532822"),
    Share("ICICIBANK", "ICICI BANK LTD", 1390),
    Share("AXISBANK", "AXIS BANK LTD", 1180),
    Share("KOTAKBANK", "KOTAK MAHINDRA BANK LTD", 2050),
    Share("INDUSINDBK", "INDUSIND BANK LTD", 790),
    Share("BANKBARODA", "BANK OF BARODA", 265),
    Share("PNB", "PUNJAB NATIONAL BANK", 115),
    Share("YESBANK", "YES BANK LTD", 22),
    Share("IDFCFIRSTB", "IDFC FIRST BANK LTD", 75),
    Share("BAJFINANCE", "BAJAJ FINANCE LIMITED", 980),
    Share("BAJAJFINSV", "BAJAJ FINSERV LTD", 2000),
    Share("SBILIFE", "SBI LIFE INSURANCE CO LTD", 1850),
    Share("HDFCLIFE", "HDFC LIFE INSURANCE CO LTD", 760),
    Share("SHRIRAMFIN", "SHRIRAM FINANCE LTD", 680),
    Share("JIOFIN", "JIO FINANCIAL SERVICES LTD", 310),
    Share("HINDUNILVR", "HINDUSTAN UNILEVER LTD", 2450),
    Share("NESTLEIND", "NESTLE INDIA LIMITED", 1220),
    Share("BRITANNIA", "BRITANNIA INDUSTRIES LTD", 5800),
    Share("TATACONSUM", "TATA CONSUMER PRODUCTS LTD", 1120),
    Share("DABUR", "DABUR INDIA LTD", 510),
    Share("ASIANPAINT", "ASIAN PAINTS LIMITED", 2500),
    Share("TITAN", "TITAN COMPANY LIMITED", 3550),
    Share("TRENT", "TRENT LTD", 5100),
    Share("MARUTI", "MARUTI SUZUKI INDIA LTD", 14500),
    Share("EICHERMOT", "EICHER MOTORS LTD", 6600),
    Share("HEROMOTOCO", "HERO MOTOCORP LIMITED", 5200),
    Share("SUNPHARMA", "SUN PHARMACEUTICAL IND LTD", 1630),
    Share("CIPLA", "CIPLA LTD", 1510),
    Share("DRREDDY", "DR REDDYS LABORATORIES LTD", 1250),
    Share("DIVISLAB", "DIVIS LABORATORIES LTD", 6100),
    Share("APOLLOHOSP", "APOLLO HOSPITALS ENTERPRISE LTD", 7600),
    Share("WIPRO", "WIPRO LTD", 250),
    Share("HCLTECH", "HCL TECHNOLOGIES LTD", 1480),
    Share("TECHM", "TECH MAHINDRA LIMITED", 1520),
    Share("BHARTIARTL", "BHARTI AIRTEL LIMITED", 1900),
    Share("NTPC", "NTPC LTD", 335),
    Share("POWERGRID", "POWER GRID CORP OF INDIA LTD", 288),
    Share("TATAPOWER", "TATA POWER CO LTD", 390),
    Share("ONGC", "OIL AND NATURAL GAS CORP", 240),
    Share("COALINDIA", "COAL INDIA LTD", 390),
    Share("BPCL", "BHARAT PETROLEUM CORP LTD", 325),
    Share("IOC", "INDIAN OIL CORP LTD", 145),
    Share("GAIL", "GAIL (INDIA) LTD", 178),
    Share("TATASTEEL", "TATA STEEL LIMITED", 165),
    Share("JSWSTEEL", "JSW STEEL LIMITED", 1090),
    Share("HINDALCO", "HINDALCO INDUSTRIES LTD", 740),
    Share("VEDL", "VEDANTA LIMITED", 450),
    Share("GRASIM", "GRASIM INDUSTRIES LTD", 2800),
    Share("ULTRACEMCO", "ULTRATECH CEMENT LIMITED", 12300),
    Share("SHREECEM", "SHREE CEMENT LIMITED", 29500),
    Share("ADANIENT", "ADANI ENTERPRISES LIMITED", 2400),
    Share("ADANIPORTS", "ADANI PORTS AND SEZ LTD", 1380),
    Share("BEL", "BHARAT ELECTRONICS LTD", 385),
    Share("INDIGO", "INTERGLOBE AVIATION LTD", 5700),
    Share("UPL", "UPL LIMITED", 690),
    Share("RELINFRA", "RELIANCE INFRASTRUCTURE LTD", 250, series="BE"),
    Share("KESORAMIND", "KESORAM INDUSTRIES LTD", 9, series="BE"),
)

SHARE_LEVELS = {share.symbol: share.level for share in SHARES}
INDEX_LEVELS = {"NIFTY 50": 24800.0, "NIFTY BANK": 55000.0, "INDIA VIX": 14.0, "SENSEX": 81000.0}

# (exchange, symbol, id): the row of INDIA VIX has NSEFO, although its candles are requested under NSEEQ.
INDICES = (
    ("NSEEQ", "NIFTY 50", "999920000"),
    ("NSEEQ", "NIFTY BANK", "999920005"),
    ("NSEFO", "INDIA VIX", "999920019"),
    ("BSEEQ", "SENSEX", "999901"),
)
INTRADAY_ONLY = frozenset({"INDIA VIX"})

_INVENTED_IDS = 500001


def nse_number(position: int, share: Share) -> str:
    """Return the share's id at NSE; invented ids follow the position in SHARES, so append new shares at the end."""
    return share.nse_id or str(_INVENTED_IDS + position)
