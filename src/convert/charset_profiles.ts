/**
 * What the charset guess knows of languages: which characters beyond ASCII a language uses, the frequent ones first,
 * and in which legacy charsets it was written. The orders are those of common letter statistics; only the rough rank
 * matters, since a wrong charset produces letters that are not in the list at all.
 */

export interface Profile {
  /** WHATWG charset names. */
  charsets: readonly string[];
  /** Letters beyond ASCII in lower case, most frequent first; capitals are derived. */
  letters: string;
  /** Frequent words, to tell languages apart that share bytes. May hold letters beyond ASCII. */
  words: string;
}

const WEST = ["windows-1252", "iso-8859-15", "macintosh"] as const;
const EAST = ["windows-1250", "iso-8859-2"] as const;
const CYRILLIC = ["windows-1251", "koi8-u", "iso-8859-5", "ibm866", "x-mac-cyrillic"] as const;
const BALTIC = ["windows-1257", "iso-8859-13"] as const;

export const PROFILES: readonly Profile[] = [
  { charsets: WEST, letters: "äüöß", words: "der die und das ist nicht ein eine für mit auf den von zu im wir sie" },
  { charsets: WEST, letters: "éàèêçîôûùâœëïü", words: "le la les des et est une du pour dans que sur avec pas à être" },
  { charsets: WEST, letters: "óáíéñúü", words: "el la los las que de una por con para del se no es más" },
  { charsets: WEST, letters: "ãáçéíóêõâúàôü", words: "o a os as que de uma para com não do da em por é você" },
  { charsets: WEST, letters: "èàùòéìî", words: "il la che di non per una con sono del è più gli" },
  { charsets: WEST, letters: "äåöé", words: "och att det som en på är av för med den till inte jag" },
  { charsets: WEST, letters: "åøæé", words: "og det at er en på for med til som ikke af av jeg den" },
  { charsets: WEST, letters: "äöå", words: "ja on ei se että oli ovat kun hän mutta sen olla" },
  { charsets: WEST, letters: "ðáíþöéúóæý", words: "og að er það sem til með við ekki um" },
  { charsets: WEST, letters: "ëéïèöü", words: "de het een en van is dat niet voor met zijn op" },
  { charsets: WEST, letters: "àèéíòóúïüç", words: "el la els les que de una per amb i no és" },
  { charsets: WEST, letters: "éïèêöüàñç", words: "the of and to in is that for it with as was on" },
  { charsets: EAST, letters: "ęąłóżśćńź", words: "w i nie na się z do to jest że o jak za po" },
  { charsets: EAST, letters: "áíěéýčřžšůúťďňó", words: "a je se na v že to s z do jsem pro si ale by" },
  { charsets: EAST, letters: "áíéýčžšúľťňôďäóŕĺ", words: "a je sa na v že to s z do som pre si ale by nie" },
  { charsets: EAST, letters: "áéöóőíüúű", words: "a az és hogy nem is egy van ez de meg csak volt" },
  { charsets: EAST, letters: "ăîşâţ", words: "de la și în a cu nu este pe un o care din ce mai sa" },
  { charsets: EAST, letters: "čšžćđ", words: "je i u na da se za su od ne to in v ki so bi" },
  { charsets: ["windows-1254"], letters: "ıüşğçöâîû", words: "ve bir bu için ile da de çok ne olarak gibi var" },
  { charsets: BALTIC, letters: "ėšąžūįčęų", words: "ir kad yra su iš tai bet kaip ne buvo į apie" },
  { charsets: BALTIC, letters: "āīēšūļžķņčģ", words: "un ir ka ar no par uz tas kas bet nav viņa" },
  { charsets: [...WEST, ...BALTIC], letters: "äõüöšž", words: "ja on ei et see ta oli mis ning kui aga oma" },
  {
    charsets: ["windows-1258"],
    letters: "\u0301\u0300đ\u0323ươêôâă\u0309\u0303áàéèíùúó",
    words: "và là có không cho người",
  },
  {
    charsets: CYRILLIC,
    letters: "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё",
    words: "и в не на что я с он как это по но из для",
  },
  { charsets: CYRILLIC, letters: "оаниіветрслкдумпязьгбчйхцюїжшєщфґ", words: "і в не на що з у до як це за та й для" },
  { charsets: CYRILLIC, letters: "аиоентрсвлдкпмзугябъчщжйцхфшюь", words: "и на да се в от за не с по е са" },
  { charsets: CYRILLIC, letters: "аоиенртсјкувдлпмзбгчшцњљћђжхџф", words: "и у да се на је за су од не" },
  { charsets: CYRILLIC, letters: "анеіорысктлдпмвузяьгбўчхцшжйюэёф", words: "і ў не на што з у да як гэта" },
  { charsets: CYRILLIC, letters: "аоиетнрсвкдлпмузјгбчшцжњхфќѓџљѕ", words: "и на да се во од за не со е" },
  {
    charsets: ["windows-1253", "iso-8859-7"],
    letters: "αοιετσνηυρπκμλςωόάίγέδήβχύθφώξζψϊϋΐ",
    words: "και το να του η της με για την από",
  },
  { charsets: ["windows-1255"], letters: "יוהלאתרבמשנעכדםפחקטגצסזןףךץ", words: "של את על לא זה הוא עם כי" },
  {
    charsets: ["windows-1256", "iso-8859-6"],
    letters: "اليمنرتوبةسدفعهكقحجشأصطخىضذزثءغإظئآؤپچگژً",
    words: "في من على إلى أن هذا التي عن مع",
  },
  { charsets: ["windows-874"], letters: "านรอก่เงมย้ลวดัทสีติะปบคหแุจพำชืข็ใไูณโผ์ถซธึษศฟญภฉฐๆ", words: "" },
];

/** The most frequent characters of each language that is written with two bytes a character. */
export const COMMON_SIMPLIFIED =
  "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性知全三又关点正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给世位次度门任常先海通教儿原东声提立及比员解水名真论处走义各入几口认条平系气题活尔更别打女变四神总何电数安少报才结反受目太量再感建务做接必场件计管期市直德资命山金指克许统区保至队形社便空决治展马科司五基眼书非则听白却界达光放强即像难且权思王象完设式色路记南品住告类求据程北边死张该交规万取拉格望觉术领共确传师观清今切院让识候带导争运文件系统配置请输入测试说明版本服务网络链接示例您好感谢";
export const COMMON_TRADITIONAL =
  "的一是不了在人有我他這個們中來上大為和國地到以說時要就出會可也你對生能而子那得於著下自之年過發後作裡用道行所然家種事成方多經麼去法學如都同現當沒動面起看定天分還進好小部其些主樣理心她本前開但因只從想實日軍者意無力它與長把機十民第公此已工使情明性知全三又關點正業外將兩高間由問很最重並物手應戰向頭文體政美相見被利什二等產或新己制身果加西斯月話合回特代內信表化老給世位次度門任常先海通教兒原東聲提立及比員解水名真論處走義各入幾口認條平系氣題活爾更別打女變四神總何電數安少報才結反受目太量再感建務做接必場件計管期市直德資命山金指克許統區保至隊形社便空決治展馬科司五基眼書非則聽白卻界達光放強即像難且權思王象完設式色路記南品住告類求據程北邊死張該交規萬取拉格望覺術領共確傳師觀清今切院讓識候帶導爭運檔案系統設定請輸入測試版本服務網路連結範例您好謝";
export const COMMON_HANGUL =
  "이다는의에을가고하를한은로지기도사니서자어그아인들나있시해리대것으라수정전부일여게보제만스면장동적상과안구주않오었습였원없했국생성공우거무위문신경소조말비선모때방미분유관세당더연화학용계내까려실교개음및또우입력파설명중요업데이트결출현재등할된될받드";
export const COMMON_KANJI =
  "日一国人年大本中出時上者会分行場合見後前間生手自動東部長社事地的名用下月子高入立円学金体発全気新最明小定作方目通内性関度対要開物所表現理新使用語文書説設変更必要場合確認方法処理実行次不可能機能接続情報管理問題今私何言思";
