"""The studio's wordmark, an image that both themes can carry."""

WORDMARK = """<svg xmlns="http://www.w3.org/2000/svg" width="190" height="32" viewBox="0 0 190 32" role="img"
 aria-label="PEFT Studio"><title>PEFT Studio</title>
<path d="M4 5v22h24" fill="none" stroke="#7c8799" stroke-width="2" stroke-linecap="round"/>
<path d="M8 8c2 10 6 13 19 14" fill="none" stroke="#4f7cf0" stroke-width="3" stroke-linecap="round"/>
<text x="38" y="22" font-family="Source Sans 3, Source Sans Pro, Segoe UI, Helvetica, Arial, sans-serif"
 font-size="19" font-weight="600" fill="#6f7fd8">PEFT Studio</text></svg>"""
