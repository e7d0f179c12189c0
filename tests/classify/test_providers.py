"""Who served, by the names of gateways and the addresses of endpoints."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streams.classify.origin.values import CatalogError
from streams.classify.provider.coverage import coverage
from streams.classify.provider.providers import CACHE_ENTRIES, Providers
from streams.classify.provider.review import contradictions
from streams.classify.provider.values import MAX_KEY

PROVIDERS = Providers.load()

# Key and jurisdiction, and the texts that lead to it.
NAMED = {
    ("openai", "us"): "openai OpenAI open_ai openai.responses text-completion-openai openai@eu",
    ("anthropic", "us"): "anthropic anthropic.messages Anthropic@us-east5",
    ("gemini", "us"): "gemini gcp.gemini google-ai-studio google.generative-ai gcp.gen_ai",
    ("vertex-ai", "us"): "vertex_ai gcp.vertex_ai google-vertex/us-east5 vertex_ai@europe-west4",
    ("mistral", "fr"): "mistral mistral_ai mistralai codestral @api.mistral.ai",
    ("cohere", "ca"): "cohere cohere_chat @api.cohere.com",
    ("xai", "us"): "xai x_ai x-ai xAI X xai.chat @api.x.ai",
    ("aws-bedrock", "us"): (
        "bedrock aws.bedrock amazon-bedrock bedrock_converse bedrock@eu-central-1 "
        "bedrock@bedrock-runtime.eu-central-1.amazonaws.com "
        "openai@https://bedrock-runtime-fips.us-east-1.amazonaws.com:443/model/x/invoke "
        "@vpce-1-a.bedrock-runtime.eu-west-1.vpce.amazonaws.com amazon-bedrock/eu-west-3"
    ),
    ("aws-bedrock-gov", "us"): "bedrock@us-gov-west-1 @bedrock.us-gov-east-1.amazonaws.com",
    ("aws-bedrock-cn", "cn"): (
        "bedrock@cn-north-1 bedrock@cn-northwest-1 sagemaker@cn-north-1 "
        "@runtime.sagemaker.cn-north-1.amazonaws.com.cn"
    ),
    (
        "aws-bedrock-eusc",
        "de",
    ): "bedrock@eusc-de-east-1 @bedrock-runtime.eusc-de-east-1.amazonaws.eu",
    ("azure-openai", "us"): (
        "azure azure.ai.openai azure.deepseek az.ai.openai Azure azure@westeurope "
        "azure@swedencentral "
        "azure@ours.openai.azure.com"
    ),
    ("azure-cn", "cn"): "azure@chinaeast2 azure@ours.openai.azure.cn azure_ai@chinanorth3",
    ("azure-gov", "us"): "azure@usgovvirginia @ours.openai.azure.us",
    (
        "deepseek",
        "cn",
    ): "deepseek DeepSeek deepseek.chat openai@api.deepseek.com vllm@api.deepseek.com",
    ("dashscope", "cn"): (
        "dashscope alibaba-cn dashscope@dashscope.aliyuncs.com openai@coding.dashscope.aliyuncs.com"
    ),
    ("dashscope-intl", "sg"): (
        "alibaba dashscope@dashscope-intl.aliyuncs.com dashscope@ap-southeast-1 dashscope@intl "
        "openai@https://coding-intl.dashscope.aliyuncs.com/v1 "
        "@token-plan.ap-southeast-1.maas.aliyuncs.com"
    ),
    (
        "volcengine",
        "cn",
    ): "volcengine doubao openai@ark.cn-beijing.volces.com volcengine@cn-beijing",
    ("byteplus", "sg"): "byteplus volcengine@ap-southeast-1 @ark.ap-southeast.bytepluses.com",
    ("zhipu", "cn"): "zhipu zhipuai zai@open.bigmodel.cn zhipuai-coding-plan",
    ("zai", "sg"): "zai Z.AI z_ai zai-coding-plan zhipu@api.z.ai",
    ("moonshot-cn", "cn"): "moonshotai-cn moonshot@api.moonshot.cn moonshot@cn",
    (
        "moonshot-intl",
        "sg",
    ): "moonshotai moonshot@https://api.moonshot.ai/v1 openai@api.moonshot.ai",
    ("moonshot", "unknown"): "moonshot kimi",
    ("minimax-cn", "cn"): "minimax@api.minimaxi.com minimax@api.minimax.chat minimax-cn",
    ("minimax-intl", "sg"): "minimax@api.minimax.io openai@api.minimax.io",
    ("siliconflow-cn", "cn"): "openai@api.siliconflow.cn siliconflow-cn",
    ("together", "us"): "together_ai togetherai together-ai openai@api.together.xyz",
    ("deepinfra", "us"): "deepinfra DeepInfra/fp8 deepinfra/turbo DeepInfra@openrouter.ai",
    ("groq", "us"): "groq huggingface/groq huggingface_groq @api.groq.com",
    ("nebius", "nl"): "nebius @api.tokenfactory.nebius.com @api.studio.nebius.ai",
    ("ollama-cloud", "us"): "ollama@ollama.com ollama-cloud ollama@https://ollama.com/v1",
    ("github-models", "us"): "github @models.inference.ai.azure.com @models.github.ai",
    ("openrouter", "unknown"): "openrouter OpenRouter openai@openrouter.ai vllm@openrouter.ai",
    ("litellm", "unknown"): "litellm_proxy litellm_proxy@localhost:4000 litellm_proxy@llm.acme.com",
    ("cloudflare-ai-gateway", "unknown"): "openai@gateway.ai.cloudflare.com",
    ("vercel-ai-gateway", "unknown"): "vercel gateway vercel_ai_gateway @ai-gateway.vercel.sh",
    ("huggingface", "unknown"): "huggingface openai@router.huggingface.co",
    ("openai-compatible", "unknown"): "openai_like custom_openai custom OpenAI-API-Compatible",
    ("self-hosted", "self-hosted"): (
        "ollama vllm funasr FastEmbed hosted_vllm llamafile lm_studio triton llama.cpp sglang "
        "xinference tgi "
        "openai@localhost openai@http://127.0.0.1:8000/v1 deepseek@10.1.2.3 @192.168.0.9:80 "
        "@172.31.255.1 @169.254.1.1 @100.64.0.1 @[::1]:8000 @::1 @[fe80::1%25eth0]:80 @fd00::7 "
        "@::ffff:10.0.0.1 @64:ff9b::a00:1 @127.1 @0x7f.1 openai@vllm openai@vllm:8000 "
        "@vllm.llm.svc @vllm.llm.svc.cluster.local:8000 @gpu.local @gpu.lan @llm.home.arpa "
        "@llm.corp @host.docker.internal:11434 @0.0.0.0:4000 localhost 10.0.0.8:8000 vllm@eu-west-1"
    ),
    # Its customers run a proxy that encrypts; who serves is behind it.
    ("privatemode", "de"): "privatemode-ai privatemode-ai@http://localhost:8080/v1",
    ("spark", "cn"): "xunfei XunFei_Spark xunfeiv2 @spark-api.xf-yun.com",
    ("qianfan", "cn"): "baidu BaiduYiyan @paddleocr.aistudio-app.com",
    ("360-ai", "cn"): "360 zhinao",
    ("tencent-intl", "sg"): "openai@https://tokenhub-intl.tencentmaas.com/v1",
    ("tencent", "unknown"): "tencent openai@https://tokenhub.tencentmaas.com/v1",
    ("greenpt", "nl"): "GreenPT openai@https://api.greenpt.ai/v1",
    ("mws", "ru"): "MWS mws_gpt",
    ("modelverse", "cn"): "Astraflow-CN openai@https://api.modelverse.cn/v1",
    ("umodelverse.ai", "unknown"): "@api-us-ca.umodelverse.ai",
    ("fal", "us"): "fal fal.image fal.video",
    ("cloudflare-workers-ai", "us"): "workersai.chat workersai.reranking",
    ("microsoft-365-copilot", "us"): "microsoft_365_copilot",
    ("unknown", "unknown"): "@ @@ --- unknown none null sk-proj-0123456789abcdef0123",
    ("acme-ai", "unknown"): "acme-ai Acme-AI acme-ai/fp8 acme-ai:8000",
    ("acme.com", "unknown"): (
        "openai@llm.acme.com deepseek@llm.acme.com vllm@https://user:secret@a.acme.com:8443/v1?k=s "
        "@acme.com llm.acme.com @ACME.com. @acme.com:443 acme.com"
    ),
    ("acme.co.uk", "unknown"): "@llm.acme.co.uk",
    ("8.8.8.8", "unknown"): "@8.8.8.8 openai@8.8.8.8:443 @::ffff:8.8.8.8",
    # Dots count in a name: these are domains, and no spelling of azure_ai and deepseek.
    ("azure.ai", "unknown"): "openai@llm.azure.ai azure.ai",
    ("deepseek-chat", "unknown"): "@llm.deepseek.chat deepseek@deepseek.chat",
    # An endpoint of a customer's own at a cloud: nobody says who runs it.
    ("amazonaws.com", "unknown"): "openai@ours-1.eu-central-1.elb.amazonaws.com",
}
# Regions of clouds: none of them is a host of one's own.
REGIONS = (
    "us-east-1 ca-west-1 mx-central-1 eu-central-2 il-central-1 ap-southeast-7 cn-northwest-1 "
    "us-gov-west-1 us-isob-east-1 eusc-de-east-1 us-central1 us-central1-a europe-southwest1 "
    "asia-northeast3 australia-southeast1 northamerica-northeast1 southamerica-east1 me-central2 "
    "africa-south1 global us eu eastus2 westus3 northcentralus westeurope swedencentral uaenorth "
    "germanywestcentral switzerlandnorth uksouth polandcentral japanwest southeastasia "
    "jioindiawest southafricanorth brazilsoutheast newzealandnorth chinanorth3 usgovvirginia "
    "usdodcentral cn-beijing cn-hangzhou ap-guangzhou na-siliconvalley cn-southwest-2 la-north-2 "
    "us-ashburn-1 uk-london-1 sa-saopaulo-1 eu-de us-south jp-tok br-sao fr-par nl-ams de-txl"
)
CASES = [(text, *who) for who, texts in NAMED.items() for text in texts.split()]


@pytest.mark.parametrize(("text", "key", "jurisdiction"), CASES)
def test_who_served(text, key, jurisdiction):
    found = PROVIDERS.classify(text)

    assert (found.key, found.jurisdiction) == (key, jurisdiction), found.matched_by


@pytest.mark.parametrize("region", REGIONS.split())
def test_a_region_is_no_host_of_ones_own(region):
    for text in (f"groq@{region}", f"groq/{region}", f"groq@{region.upper()}"):
        assert PROVIDERS.classify(text).key == "groq"


@pytest.mark.parametrize("host", ["vllm", "gpu1", "llm-eu", "eu-vllm", "us-llm-1", "proxy", "api"])
def test_a_host_without_a_dot_is_ones_own(host):
    assert PROVIDERS.classify(f"openai@{host}").key == "self-hosted"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Together 2", "together"),
        ("Amazon Bedrock", "aws-bedrock"),
        ("Google AI Studio", "gemini"),
        ("Alibaba (China)", "dashscope"),
        ("HuggingFace (groq)", "groq"),
        ("MiniMax (minimax.io)", "minimax-intl"),
        (" OpenAI\x00\n", "openai"),
        ("Ｏｐｅｎ ＡＩ", "openai"),
        ("", "unknown"),
        (" \t", "unknown"),
        ("Acme  LLM\x1b[31m", "acme-llm-31m"),
        ("Bearer abc.def", "unknown"),
    ],
)
def test_names_with_spaces(text, key):
    assert PROVIDERS.classify(text).key == key


def test_the_catalogue_answers_its_own_names_and_hosts():
    assert contradictions(PROVIDERS) == []


@pytest.mark.parametrize("text", ["openai {}", "key={}", "acme ({})", "{} acme", "acme, {}", "{}"])
@pytest.mark.parametrize(
    "secret",
    [
        *(
            "sk-proj-0123456789abcdef0123",
            "AKIAIOSFODNN7EXAMPLE",
            "9f86d081884c7d659a2feaa0c55ad015",
        ),
        "AIzaSyD-abcdefghijklmnopqrstuvwxyz12345",
    ],
)
def test_a_secret_beside_a_name_is_no_key(text, secret):
    assert secret.lower() not in PROVIDERS.classify(text.format(secret)).key


def test_jurisdictions_are_codes_and_routers_have_none():
    for entry in PROVIDERS.facts.entries.values():
        assert re.fullmatch(r"[a-z]{2}|self-hosted|unknown", entry.jurisdiction), entry.key
        assert not entry.router or entry.jurisdiction == "unknown", entry.key
        assert entry.operator, entry.key
        assert entry.source, entry.key


PIECES = st.sampled_from(
    [
        *("openai", "vllm", "openrouter", "hf", "huggingface", "bedrock", "Acme", "sk-", "x"),
        *("@", "@@", "://", "/", ":", ".", "..", "-", "_", " ", "(", ")", "[", "]", "%", "?", "#"),
        *(
            "localhost",
            "10.0.0.1",
            "8.8.8.8",
            "::1",
            "cn-north-1",
            "eu",
            "api.deepseek.com",
            "co.uk",
        ),
        *(
            "coding-plan",
            ".chat",
            " 2",
            "0x7f",
            "1",
            "\0",
            "\ud800",
            "É",
            "ﬀ",
            "İ",
            "²",
            "．",
            "中",
        ),
    ]
)
TEXTS = st.one_of(st.text(), st.lists(PIECES, max_size=12).map("".join))


@given(TEXTS)
@example("a" * 70 + ".com")
@example("@" + "é" * 80 + ".com")
@example("hf/" * 400)
@example("kong " * 300 + "x")
@example("@" + "." * 300)
@example("openai\u0307")
def test_a_key_is_short_printable_and_classified_as_itself(text):
    found = PROVIDERS.classify(text)
    again = PROVIDERS.classify(found.key)

    assert (again.key, again.jurisdiction) == (found.key, found.jurisdiction)
    assert 0 < len(found.key) <= MAX_KEY
    assert found.key.isprintable()
    assert not set(found.key) & set(" /\\:?#@")
    assert found.key == found.key.lower()


@given(st.text(max_size=2_000))
def test_the_rules_themselves_never_fail(text):
    PROVIDERS._decide(text)


@given(st.text(alphabet="abcdef0123456789", min_size=12, max_size=30), st.integers(1, 65_535))
def test_credentials_ports_and_paths_are_not_kept(secret, port):
    url = f"https://user:{secret}@tenant-{secret}.acme.com:{port}/v1/{secret}?key={secret}"

    assert PROVIDERS.classify(f"openai@{url}").key == "acme.com"
    assert PROVIDERS.classify(url).key == "acme.com"
    assert PROVIDERS.classify(f"acme/{secret}").key == "acme"


def test_what_is_read_of_a_text_is_bounded():
    assert PROVIDERS.classify("openai" + " " * 2_000_000 + "x").key == "openai-x"[:6]
    assert len(PROVIDERS.classify("@" + "a." * 1_000_000 + "com").key) <= MAX_KEY


def test_the_cache_is_bounded():
    providers = Providers.load()
    for number in range(CACHE_ENTRIES + 10):
        providers.classify(f"provider-{number}")

    assert len(providers._cache) <= CACHE_ENTRIES


def test_coverage_groups_what_has_no_jurisdiction():
    found = coverage(
        ["openai", "openai", "acme", "chutes", "openrouter", "-", "vllm", "acme"], PROVIDERS
    )

    assert found.texts == 6
    assert found.jurisdictions == {"us": 1, "self-hosted": 1, "unknown": 4}
    assert found.groups() == [
        ("entry", "acme", ["acme"]),
        ("jurisdiction", "chutes", ["chutes"]),
        ("router", "openrouter", ["openrouter"]),
        ("name", "unknown", ["-"]),
    ]


ENTRY = """[[provider]]
key = "acme"
name = "Acme"
jurisdiction = "de"
operator = "Acme GmbH"
source = "its terms"
"""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("provider = 1", "no catalogue of providers"),
        ("x =", "not TOML"),
        (ENTRY + "colour = 'red'", "'acme': nothing reads the key 'colour'"),
        (ENTRY.replace('"de"', '"DE"'), "jurisdiction 'DE'"),
        (ENTRY.replace('"acme"', '"Acme AI"'), "key must be a short name"),
        (ENTRY.replace('source = "its terms"', ""), "source must be text"),
        (ENTRY + "names = 'a'", "names must be a list"),
        (ENTRY + "hosts = ['https://acme.com']", "host 'https://acme.com' must be a domain"),
        (ENTRY + "hosts = ['a*.acme.com']", "host 'a*.acme.com' must be a domain"),
        (ENTRY + "router = 1", "router must be true or false"),
        (ENTRY + "regions = {cn = 'acme-cn'}", "'acme-cn', which has no entry"),
        (ENTRY + "regions = 1", "regions must be a table"),
        (ENTRY + ENTRY, "stands here twice"),
        (ENTRY + ENTRY.replace('"acme"', '"other"'), "name 'acme' belongs to 'acme' as well"),
    ],
)
def test_faults_of_a_catalogue_name_the_entry(text, says):
    with pytest.raises(CatalogError) as caught:
        Providers.of(text, "p.toml")

    assert "p.toml: " in str(caught.value)
    assert says in str(caught.value)
