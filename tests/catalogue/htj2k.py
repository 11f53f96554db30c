"""A high-throughput JPEG 2000 codestream: no encoder of it is installed with hilum.

Made once with OpenJPH from the formula of ``film.htj2k_picture``; a decoder has to give the formula back.
"""

import base64
import zlib
from pathlib import Path

from catalogue import film as f

__all__ = ["htj2k_file"]

_CODESTREAM = (
    "c-s5#|38pH(}4j9I)Hcq0|KD(8QB>b{|7K|Ffai*O#g!zcz`TM238gp2gd&~48jT?0Z72Z!{dJngE#}De?e-VSAd5?SZa}ifu50>"
    "p0VEl2@G5y6PaH#F#ex>K(Awc`N})rZ4VT#4^CoG5IFEL$+gw^Fk@5w&igMjlxqYS_A(q0-N2f{sPVsazx7|I`R6TWZQ8-0+NJdJ"
    "r5KCUwTUMfK0eh5VK^YRhB3oInBjjt5E}eo6n}ZU<h@n-T<gA@att6Je*Ui@a-#nI<eNp+4A=fG=s(JEK)jeC+JH5}{<Hf36#Jhb"
    ";xIqU$M2`Jf8N>4>TFoW^{DlQZjJbY?GN^{?q_|W`$OL`|6mn&9ruNheawO{Kq0`u;PCH%rCx*MPxbvN^Zrh%)~$<p#JJ@5|4QAK"
    "^+qu-ftK7BVBO6S4h}{Q5CQUj0~0KGi5CL%V1NV8I<V@04MWn742H0Tby5r>CqxfBFr9k<BG)&7$SW0$F(wQ;2~0pGkqT5IW4b1P"
    "tXaELRQ)}B1JDgW|JUEBn<KIO-(NU9Eig4rgOTOm|N7&5{>0WLT5z6W_`v;zjj{X#_eB||b&NJlFJ+iE0jV_%R04mVp4|Mu{`+$W"
    "lNXu`mpd+Z^yRfWHkZ}J<i+I$%i88jm55xpyx6a4mQ+dRg<xmDUMsGQ%!^=EU=42cR=PB&<ICDpHzl~SdFDV3t1^Gg>$%12O3&@Q"
    "ZuJ}&Q+5{<y4D|0Pj2|1`50uS56B6zAQ#L7S(^*8b~V@qz94sAP=z=_nE4Ml-=wBFWHJ2sU(UmI4CajgiMQvTGU40xdL0USl_uQ4"
    "%lHGV%j@iHCvRXHDCbE#2GmgTbMwxSLj_t4|8D{S9I1_G"
)


def htj2k_file(folder: Path) -> Path:
    """Write it as a DICOM file."""
    frame = zlib.decompress(base64.b85decode(_CODESTREAM))
    return f.write(f.dataset(f.htj2k_picture(), syntax=f.HTJ2K_LOSSLESS, frames=[frame]), folder)
