"""The studio's mark, and the mark with the name: images that both themes can carry."""

_AXES = '<path d="M4 5v22h24" fill="none" stroke="#7c8799" stroke-width="2" stroke-linecap="round"/>'
_CURVE = '<path d="M8 8c2 10 6 13 19 14" fill="none" stroke="#4f7cf0" stroke-width="3" stroke-linecap="round"/>'

MARK = f'<svg xmlns="http://www.w3.org/2000/svg" width="32" height="32" viewBox="0 0 32 32">{_AXES}{_CURVE}</svg>'
WORDMARK = f"""<svg xmlns="http://www.w3.org/2000/svg" width="170" height="32" viewBox="0 0 170 32" role="img"
 aria-label="PEFT Studio"><title>PEFT Studio</title>{_AXES}{_CURVE}
<text x="38" y="22" font-family="system-ui, Helvetica, Arial, sans-serif" font-size="18" font-weight="600"
 fill="#5f7fd8">PEFT Studio</text></svg>"""
