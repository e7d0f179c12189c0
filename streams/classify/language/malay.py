"""Distinguishes Indonesian and Malay, which detectors take for each other, by the words of each.

They share most words; of others one side uses one far more often (`karena`, `kerana`). Chosen are
words that are frequent on one side and rare on the other in the lists of wordfreq 3.1.1 (CC BY-SA
4.0) and in one half of the translations that tests/accuracy names, and everyday ones of
dictionaries. A word that is ten times as frequent on one side counts for three.
"""

from __future__ import annotations

from typing import Final

from streams.classify.language.words import Words

_INDONESIAN: Final = """
    absolut acara agar agustus aja aksi aktifkan aktivitas akun akuntansi akurat anggaran
    angsuran antar apaan apakah apapun arsip asisten atur aturan bagian bahwa baku balasan
    banget banyaknya barusan basis bawaan beda berarti berbagai berbagi berbasis berbeda
    berdasar berhasil berisi berkas berlangganan berlanjut bersih bersihkan biaya bidang bikin
    bilah bis bisa bisakah bisnis blokir buatin buatkan butuh capek catatan cek centang cewek
    citra coba cocok cowok daftar daring delapan derajat desember deskripsi detik diatur diawali
    dibutuhkan didukung diekspor difungsikan dihapus dihitung diimpor diingat dikenal dikirim
    dilengkapi dimulai dinamika dinonaktifkan dipakai diperbolehkan direkonsiliasi disebutkan
    disetel diskon distribusi ditambahkan ditampilkan ditandai ditemukan diterapkan diunduh
    diunggah dokter dokumen dong duit dukungan duplikat durasi efek eksekusi ekspor ekspresi
    ekstensi eksternal ekstra ekuitas enggak enkripsi entri eropa faktur fitur formulir foto
    fraksi gabungkan gak galat gara gimana gitu gratis grup gue hal hapus harga harus horisontal
    huruf ijinkan impor informasi inggris istri jadwal jakarta jangkar jaringan jawaban jelaskan
    jendela jepang jerman jumat juni kalender kalian kamar kamis kanal kantor karakter karena
    kartu karyawan kasih kayak kebijakan kecepatan kecocokan kegiatan kelola kelompok
    kemungkinan kendaraan kepulauan kesalahan ketik keuangan kirim kisi kode kok kolom komentar
    komoditas kondisi koneksi konferensi konfirmasi kontak konten konversi konversikan kualitas
    kuartal kuas kunjungi kurva laba lainnya lanjutkan layanan lembar lewatkan liabilitas
    lisensi listrik lokal lu lunak luring macet manajemen manajer maret mata mau mbak
    melanjutkan memakai memasukkan membedakan membuat memiliki memperbarui memperingatkan
    memulai memungkinkan menampilkan menandai menangani menata mencatat mencoba mendatang
    mendukung menemukan menerapkan mengaktifkan mengatur mengekspor mengetik menggambar
    mengganti menghapus mengidentifikasi mengimpor mengirim mengkonversi mengunggah mengurangi
    menit menjelaskan menonaktifkan menyertakan merusak mestinya metode milis misal misalnya
    mobil modifikasi mohon mulai musik namun ngapain nggak nih nol nomor notifikasi obrolan
    obyek olahraga opsi otomatis otorisasi otoritas pajak paket palet paragraf peladen pelanggan
    pembayaran pembuatan penanganan penawaran pencarian pendapatan penerjemah pengaturan
    pengelolaan pengeluaran pengembangan pengingat pengiriman penjualan penyangga penyaring
    penyaringan penyiapan peran perangkat perbankan perbedaan percakapan percobaan perdagangan
    perhitungan perilaku periode perkakas permanen permasalahan pernah pernyataan persen
    persentase perusahaan pesan pindahkan pinjaman piutang poin pola ponsel pos posisi potensial
    pratinjau preferensi pria pribadi primer prioritas profesi properti provinsi proyek publik
    publikasi rasio referensi reguler rekonsiliasi rentang resep rilis rincian ruas rumahsakit
    rupiah saat saham saja saldo sandi satuan sebagian sebelumnya sebuah sebutkan sekuritas
    selalu selanjutnya selisih senin sepeda serikat sertifikat sesuaikan setel setelah
    setidaknya sih silakan situs standar suatu surabaya surel tabel tagihan tahunan tampilan
    tampilkan tandai tanggal tapi tata tautan telepon teman tempelkan tempo temukan tenggat
    terapkan terdaftar terhubung terjadi terjadwal terjemahkan terkirim terlihat terpisah
    tertaut tes tingkat tionghoa tipe tombol tos transaksi tujuan tuliskan uang ubahan ukuran
    ukurannya umpan umum unduh unggah universitas urutan urutkan utang variabel vendor vertikal
    voucer wiki yaitu yakni zona
"""
_RATHER_INDONESIAN: Final = """
    abaikan aceh adanya admin ajang ajukan akal akan akses aktif alasan aliran aman aneh apalagi
    aplikasi arti artikel artinya aset asli ataupun atribut autentikasi awal awalnya bagaimana
    bagan bagus bali bandara bapak barang barat baru batang batas bayar bbm beberapa bekasi
    bekerja belah berasal berbicara berdasarkan bergabung berhubungan beri berikut berjalan
    berkualitas bernama berpikir berupa berwarna bilang bunga bupati buruk butir ciptakan contoh
    cukup daerah dana dari datang daun daya dekat depan depok desa desain desimal diaktifkan
    dialog diam diambil dianggap dibangun diberikan dibuat dicatat dicetak diciptakan diganti
    diinginkan dijadikan dilakukan dimana dimasukkan dipercaya dipilih direktori direktur
    dirilis disana disebut disk ditandatangani ditentukan dki dosen dulu enam energi fakultas
    fase fasilitas fisik fisika gabung gampang ganda gantinya garis gedung gubernur gunakan hak
    halaman halo harap hasil hewan hilangkan ikhtisar ikuti ingin inginkan internasional
    investasi isi itu jalankan jangka jasa jelas jembatan judul juli jumlah jumlahnya jurnal
    justru kabar kabupaten kali kalo kamera kanker kapan karya kasus kebutuhan kecamatan kecuali
    keduanya kemarin kendali kepala keras keren kerugian kerusakan kesehatan keuntungan khawatir
    klik klip klir klub koma komisi kompetisi komposer komunitas konfigurasi kontras kotak kpu
    kredit kriteria kursi kutipan kutu laga lalu langsung lanjut laporan layar lengkap letak
    liburan lingkungan lipat lomba luang markdown masing masukan mati maupun melakukan melawan
    melewati melihat mematikan membangun membantu membatalkan membayar membersihkan membuatnya
    membutuhkan memenangkan memilih memindahkan meminta memperbaiki mempertahankan memuat
    menambahkan mencetak menciptakan mendapatkan menekan menempatkan mengandung mengembalikan
    menggantikan mengikuti mengirimkan mengizinkan mengurai menikah menjadi menjaga menjauh
    menuju menulis menurut menyadari menyelesaikan menyembunyikan menyenangkan meski messagegt
    miliar mirip modal mundur nada nanti narkoba negatif nickgt nyaman obat offline pabrik
    padahal pakai pariwisata partai pasien pegawai pekerjaan pelayanan pemain pembelian
    pemeriksaan pemerintah pemilik penasaran pendukung penelitian penghasilan pengkodean penulis
    perbarui perbatasan perkiraan persetujuan pertahankan pesanan pikiran piksel pilkada pindah
    pohon populer positif prasetel produksi profesional profil promo proses pulsa puncak pusat
    rahasia rapat rata rekaman rekan relatif republik resmi riwayat rugi rusak sadar sampai
    samping sangat sarana sasaran sayangnya sebaiknya sebenarnya sebesar sedang sederhana
    segarkan sehari sehat sejak sejumlah sekaligus sekedar selama selatan selengkapnya seluruh
    seminggu sendiri sepatu sepertinya sertakan sesuai setengah siapa siapkan silahkan simak
    simbol singkat sisa sisanya siswa sma smp smugmug sobat solusi sore sortir sosok spesifik
    stasiun studi suara subtotal sudah sukses suku sulawesi surat tahu tak tambahkan tampil
    tangerang tarif tas tempel tentang tentara terang terbaru terbatas terdiri terimakasih
    terkadang terkait termasuk ternyata tersebut tersedia tersisa tertentu tertulis tiap tilikan
    timnas tni toko tokoh topik transportasi triliun tua uji ujung ulang umumnya undangan unik
    url urusan usaha utara waktu wisata yah yakin
"""
_MALAY: Final = """
    abai adakah ahad akaun aksara aktiviti amaran aras arkib asal asas asingkan automatik awak
    awam bahagian baharu bahawa basikal bayang benarkan berasaskan berbanding berbeza berbilang
    berbual berganda berkemungkinan berkenaan berlainan berlaku bermula berpecah bersambung
    berus betul beza bilakah bilangan bilik bisik bisikan boleh bolehkah bulatan bunyi butang
    cahaya cakap cakera camne carian cetakan cipta cth cuba cukai dakwat dalaman darab daripada
    dengar destinasi dibenarkan dicipta diguna dihantar diingati dilampirkan dilumpuhkan
    dimuatkan dimulakan dinaikkan dipadamkan dipaparkan dipercayai diperluaskan dipulihkan
    disahkan disekat disember disingkirkan disokong disulitkan ditanda ditandakan doktor eksport
    emel eropah fail filem fon fraktal garisan gelaran gelintar gubah guna hadapan hantar
    hantaran hapuskan hos hospital hubungan ia iaitu ialah imbas imej import inggeris isih isnin
    isteri jadual jawapan jawatan jejari jemput jemputan jepun jom jua jubin julai julat jumaat
    kaedah kalendar kandungan kandungannya kat kawalan kawasan keamatan kebiruancb kecerunan
    kedudukan keizinan kekal kekalkan kekunci kelajuan kelakuan kelicinan kelutsinaran kemas
    kemerahancr kenalan kenderaan kerana keratan kerjaya kerosakan kesahihan kesan keselamatan
    ketepuan keutamaan kewangan khamis kod konfigur korang kos kot kuala kualiti kuih kumpul
    kumpulan kurangkan kurangnya lajur laksana lalai laluan lampau langgan lapan lapang lapuk
    lesen letupan lilit lori lukisan lumpuh lumpuhkan lumpur luput macam magik mahu maklumat
    maklumkan malaysia mampatan manakala masihi medan mel melahu memadam memaparkan membenarkan
    membina membolehkan membuatkan mempunyai memuatkan memulakan menaip menanda menanya mencipta
    menempah menerangkan menerusi mengalih mengandungi mengemaskini mengesahkan mengesan
    menggelintar menggubah menghantar mengikut mengimport menjana menukar menyokong merta mesej
    mestilah minit minta muatkan muktamad mula muzik nak nisbah nombor notis nyahlanggan
    nyahtetap nyatakan ogos opsyen padam padanan paip paksi palang palsu pandangan papar paparan
    paparkan pasti pasukan patut pautan pejal pelayan pelayar pelbagai pemajuan pemalam pembantu
    pembiayaan pemindahan pemulihan penambat penapis penapisan pencetak pengekodan pengelogan
    pengepala pengesahan pengesahihan penggelintaran penggubah penghantaran pengimport
    penjelmaan penterjemah penukaran penyulitan peperiksaan pepijat pepohon peraturan peratus
    perbezaan perbualan percuma perenggan peribadi perincian perisian perkataan perkhidmatan
    perlahan perlanggaran perlukan perniagaan persendirian peti piawai pnm poligon postscript
    pralihat praset pratonton projek purata putarkan rahsia rakan ralat rangkaian rantau rawak
    resit ringgit sah sahaja sahkan sains saiz sandar sangatlah sarap sebab sebarang sebegitu
    sebenar sedia sediakan segar segerak sekiranya sekurang selepas selindung semak semakan
    semasa sembang sempadan semula senarai sentiasa sepadan separa sepatutnya serpihan sertai
    sesawang sesekali sesetengah setkan sifat sijil sila skrin sokongan songsang spul suai sukan
    susulan syarikat tahniah takde tala talian tamat tampal tandakan tapis tarik tarikh telefon
    tempoh temu tengahkan tengok terangkan terbalikkan terdahulu terjah terpadam tersalah tertib
    teruk terus tetapan tetingkap tiada timbulkan togol tolonglah topeng tunjuk tunjukkan umpuk
    universiti urus wad wang wujud wujudkan xyz zon
"""
_RATHER_MALAY: Final = """
    abang ais ajar alih alihkan anak antarabangsa apabila arah arahan askar bagi balik bapa
    barangan bas beg bekalan beliau bentangan berakhir bercakap berfungsi bergaduh bergurau
    berhampiran berjaya berkahwin berkaitan berkhidmat berkongsi berlakon bermakna bermaksud
    bersetuju bertanda bertanggungjawab berterusan berundur biarkan bila bimbit bisnes budak
    bukanlah bulu cair celaka cerah cik cikgu cina cintakan comel corak dah darjah dato datuk
    diatas dikenali dikesan diluar dinamakan dipanggil dipenuhi diri disebabkan ditemui ejaan
    elok empat encik enjin esok faham fikir fikiran frasa gelang genap gergasi goresan haiwan
    hantu hendak hilang hujung ianya identiti inci individu jabatan jalan jambatan janji jari
    jawab je jenayah jeneral jumpa jurutera juruterbang kacak kad kahwin kalaulah kampung kanak
    kasut katil kawal kawan kebangsaan kedai kegunaan kejap kejayaan kelab kelabu kelakar
    kelihatan keluar kem kemalangan kenal kepada kepercayaan keputusan keretapi kertas kerusi
    kes kesedaran kesihatan kesilapan ketawa kewujudan kolej komander kosongkan kuasa kuncup
    lahir lakonan laman lapor leftenan lelaki lengkung lepas letakkan luar macamana mahupun
    majlis majukan mak makcik makmal mana mangsa masa mat maya melainkan melawat melayu melukis
    memajukan memandangkan mencapai mendaftar menegak mengalami mengawal mengelakkan
    mengeluarkan menghalang menipu menyedari menyertai merentasi merosakkan mesti mesyuarat
    mewujudkan motosikal mulakan nampak negeri ni nota nuklear olimpik pakcik paksa panggil
    parlimen parti peguam pelajar pelakon pelet pelik peluang peminat pengarah pengerusi
    pengganas pengsan pengurus penyokong peranan peranti percaya pergi perhatian perhimpunan
    peristiwa perjanjian perkahwinan perkara perlawanan perlumbaan persediaan persekutuan
    persembahan perubatan pesakit petang pingat pkr polis puak puan pulih punca pusingan putaran
    rakaman ramai rancangan rasmi rasuah rawatan rekod rentetan risau rosak rosakkan ruang rupa
    salinan saling sama sambung sambungan sampel satu sayangkan sebahagian sebaliknya sebentar
    sedap sedar sehinggalah sejarah sejuk seksyen selamat selaraskan selesa seluar sempena
    senyap sepanjang sepanyol separuh sepenuhnya seremban seronok sesiapa setakat seterusnya
    seting shah sidang sihat sikit silap simpan sinar sisip smiley soalan solat spike stesen
    sukar supaya surau syaitan syarat syurga tajuk tandas tanya tekstur tempatan tentera tepi
    terkini terpilih teruskan tetapi tetapkan tiba tindakan tipu tok tong toretto tu tukar turun
    ubat ujian undi vektor walaupun wan zum
"""

_SURELY: Final = 3
_WEIGHTS: Final = {
    **dict.fromkeys(_RATHER_INDONESIAN.split(), 1),
    **dict.fromkeys(_RATHER_MALAY.split(), -1),
    **dict.fromkeys(_INDONESIAN.split(), _SURELY),
    **dict.fromkeys(_MALAY.split(), -_SURELY),
}
_WORDS: Final = Words(dict.fromkeys(_WEIGHTS, ""), is_ascii=False)
#: Words that are read.
_MOST_WORDS: Final = 64


def indonesian(text: str) -> int:
    """Return how much more a text is Indonesian than Malay by its words; negative for Malay.

    The text has letters and blanks only. Cost grows with it: callers cut it first.
    """
    found, _ = _WORDS.found(text, _MOST_WORDS)
    return sum(map(_WEIGHTS.__getitem__, set(found)))
