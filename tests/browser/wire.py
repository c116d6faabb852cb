"""What the browser has asked of Streamlit's server and not been told yet, seen on their WebSocket."""

from weakref import WeakKeyDictionary

from playwright.sync_api import Page, WebSocket
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

MOST_LOOKS, LOOK_MILLISECONDS = 100, 100  # a fragment that is gone meanwhile is asked for in vain


class Wire:
    """Whether the server still owes the page an answer: after a click nothing shows it before its first word."""

    def __init__(self, page: Page) -> None:
        self.num_asked = 0
        self.is_owed = self._is_begun = False
        page.on("websocket", self._opened)

    def _opened(self, socket: WebSocket) -> None:
        if "/_stcore/stream" in socket.url:
            self.is_owed = False
            socket.on("framesent", self._asked)
            socket.on("framereceived", self._told)

    def _asked(self, frame: bytes | str) -> None:
        if isinstance(frame, bytes) and BackMsg.FromString(frame).WhichOneof("type") == "rerun_script":
            self.num_asked += 1
            self.is_owed, self._is_begun = True, False

    def _told(self, frame: bytes | str) -> None:
        said = ForwardMsg.FromString(frame) if isinstance(frame, bytes) else ForwardMsg()
        match said.WhichOneof("type"):
            case "new_session":
                self._is_begun = True
            case "script_finished" if self._is_begun and said.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                self.is_owed = False


_WIRES: WeakKeyDictionary[Page, Wire] = WeakKeyDictionary()


def listen(page: Page) -> Wire:
    """From now on; to be called before the page goes anywhere."""
    return _WIRES.setdefault(page, Wire(page))


def wait_for_answer(page: Page) -> None:
    """Until the server has answered what the page asked last, or for ten seconds."""
    wire = _WIRES.get(page)
    for _ in range(MOST_LOOKS if wire is not None else 0):
        if wire is None or not wire.is_owed:
            return
        page.wait_for_timeout(LOOK_MILLISECONDS)
