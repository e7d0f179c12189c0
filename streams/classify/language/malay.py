"""Distinguishes Indonesian from Malay by words that only one of the two uses.

The two share most words and every letter; detectors report either for both. Spelling and a few
dozen everyday words distinguish them, according to standard dictionaries of both.
"""

from __future__ import annotations

import re
from typing import Final

_INDONESIAN: Final = """
    agar aja akun aktivitas apakah bahwa banget beda berbeda berkas bisa buatkan butuh coba daftar
    dihapus ditampilkan dokter dong enggak gak gimana gratis hapus harus informasi inggris jelaskan
    jendela jepang jerman jumat kalian kamis kantor karena kayak kode koneksi kualitas listrik mau
    membuat memiliki menampilkan menghapus minggu mobil nggak nomor opsi otomatis pencarian
    percakapan perusahaan ponsel resep saat sandi sebutkan senin sih silakan suatu surel tampilkan
    tanggal tapi tautan tersimpan tuliskan uang ukuran unduh unggah universitas
"""
_MALAY: Final = """
    adakah ahad akaun aktiviti aksara automatik awak bahagian baharu bahawa benarkan berbanding beza
    bilangan boleh cipta cuba daripada doktor emel fail guna hantar hendak ialah imej inggeris isnin
    jepun kalendar kandungan kekunci kerana kereta khamis kod korang kualiti lalai laluan macam mahu
    maklumat manakala memadam mempunyai menghantar mengandungi mesej nak nombor padam papar paparkan
    pejabat pelayan pelayar percuma perisian ralat sahaja saiz sekiranya semasa semula senarai sila
    syarikat tetapan tetingkap tiada universiti wang
"""
_WORD = re.compile(r"[a-z]+")
_ONLY_INDONESIAN: Final = frozenset(_INDONESIAN.split())
_ONLY_MALAY: Final = frozenset(_MALAY.split())


def indonesian_words(text: str) -> int:
    """Return how many more words of Indonesian than of Malay a text has; below 0 it is Malay."""
    words = set(_WORD.findall(text.lower()))
    return len(words & _ONLY_INDONESIAN) - len(words & _ONLY_MALAY)
