import pytest

from farmhash import fingerprint32, fingerprint64

# What pyfarmhash 0.3.2 returns; the lengths reach every branch: 0 to 4, 5 to 12, 13 to 24 and more bytes, in UTF-8.
ORIGINAL = {
    "": (3696677242, 11160318154034397263),
    "a": (1016544589, 12917804110809363939),
    "é": (1973972843, 693143013273849025),
    "item": (1841538836, 891523862852459925),
    "label": (17762511, 17914967315253474319),
    "user_id": (886157827, 13947422501065765333),
    "request_time": (2728097079, 16078996833751538341),
    "history_product_type": (1889084896, 1260286384390691530),
    "candidate_product_category": (1780908275, 4068901591273631976),
    "é" * 40: (2036235827, 9929455074797365145),
}


@pytest.mark.parametrize(("text", "expected"), ORIGINAL.items())
def test_fingerprints_equal_those_of_the_original(text, expected):
    assert (fingerprint32(text), fingerprint64(text)) == expected
