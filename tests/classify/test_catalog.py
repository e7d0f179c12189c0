"""The catalogue knows who made a model, and whether its weights are open."""

from __future__ import annotations

import pytest
from catalog_answers import CATALOG
from every import every
from hypothesis import given
from hypothesis import strategies as st

from streams.classify.origin.catalog import CACHE_ENTRIES, Catalog
from streams.classify.origin.values import ORIGINS

KNOWN = {
    "cn-open": """
        LanguageBind/Video-LLaVA-7B-hf | xtuner/llava-llama-3-8b-v1_1-transformers
        OpenGVLab/InternVL2-Llama3-76B | zai-org/cogvlm2-llama3-chinese-chat-19B | Qwen/Qwen-VL
        qwen-audio-chat | zai-org/GLM-ASR-Nano-2512 | nghuyong/ernie-3.0-base-zh | baidu/ERNIE-Image
        morph/morph-dsv4flash | morph/morph-kimik3-fast
        FuseAI/FuseChat-Qwen-2.5-7B-Instruct | Robin-13b-v2 | iic/emotion2vec_plus_large
        /data/hub/models--Qwen--Qwen2.5-7B-Instruct/snapshots/a09a35458c702b33eeacc393d103063234e8bc28
        accounts/fireworks/models/kimi-k2-instruct-0905#accounts/acme/deployments/abc123
        deepseek-chat | deepseek-reasoner | deepseek/deepseek-r1:free
        deepseek-ai/DeepSeek-V3-0324 | us.deepseek.r1-v1:0 | bedrock/deepseek.v3-v1:0
        azure_ai/DeepSeek-V3.1 | deepseek-v5
        fireworks_ai/accounts/fireworks/models/deepseek-v3p1 | ollama/deepseek-r1:7b
        Pro/deepseek-ai/DeepSeek-R1 | deepseek-r1-distill-llama-70b
        deepseek-ai/DeepSeek-R1-Distill-Qwen-32B | deepseek-ai--DeepSeek-R1
        unsloth/DeepSeek-R1-0528-Qwen3-8B-GGUF | deepseek-coder-v2-lite-instruct-q4_K_M
        DEEPSEEK V3 | qwen/qwen3-32b | qwen3-235b-a22b-instruct-2507 | Qwen2.5-72B-Instruct-Turbo
        qwen2p5-coder-32b-instruct | openai/qwen3-32b
        hosted_vllm/Qwen/Qwen3-Coder-480B-A35B-Instruct-FP8 | ollama/qwen3:32b-q4_K_M
        Qwen/Qwen2.5-7B-Instruct-AWQ | qwen4-72b | qwq-32b | qwen3-coder
        qwen3-next-80b-a3b-thinking | groq/qwen-qwq-32b | cerebras/qwen-3-32b
        bartowski/Qwen2.5-14B-Instruct-GGUF:Q5_K_M | hf.co/unsloth/Qwen3-8B-GGUF:Q8_0
        moonshotai/kimi-k2 | moonshotai/Kimi-K2-Instruct-0905 | kimi-k2-turbo-preview | kimi-k2.5
        kimi-dev-72b | z-ai/glm-4.5 | zai-org/GLM-4.6 | glm-4.5-air:free | z-ai/glm-4.5v
        glm-4-9b-chat | THUDM/glm-4-32b-0414 | glm-5 | MiniMaxAI/MiniMax-M2 | minimax/minimax-m1
        MiniMax-Text-01 | minimax-m2.1 | tencent/hunyuan-a13b-instruct
        tencent/Tencent-Hunyuan-Large | baidu/ernie-4.5-300b-a47b | ERNIE-4.5-21B-A3B-Thinking
        ByteDance-Seed/Seed-OSS-36B-Instruct | seed-oss-36b-instruct | bytedance/ui-tars-1.5-7b
        stepfun-ai/step3 | stepfun/step-3.5-flash | baichuan-inc/Baichuan2-13B-Chat
        baichuan-m1-14b-instruct | 01-ai/Yi-34B-Chat | yi-1.5-9b-chat | internlm2_5-20b-chat
        internlm/intern-s1 | xiaomi/mimo-v2-flash | XiaomiMiMo/MiMo-7B-RL
        meituan/longcat-flash-chat | Kwaipilot/KAT-Dev | inclusionai/ling-1t | ring-flash-2.0
        Skywork/Skywork-OR1-32B | openbmb/MiniCPM-V-2_6 | BAAI/bge-m3 | bge-reranker-v2-m3
        chatglm3-6b | codegeex4 | MediaTek-Research/Breeze-7B-Instruct-v1_0
        alibaba-nlp/gte-qwen2-7b-instruct | tongyi-deepresearch-30b-a3b
        nvidia/Qwen3-235B-A22B-FP4 | siliconflow/Qwen/Qwen2.5-VL-72B-Instruct
        volcengine/deepseek-v3-250324 | rednote-hilab/dots.llm1.inst | qwen2.5vl:7b
        Qwen/Qwen3.8-Flash-Next | qwen/qwen3.8-2.4t-a95b | Qwen/Qwen-Image-2512
        Qwen/Qwen-Image-2.1
        Qwen/Qwen-Image-Edit-2511 | Wan-AI/Wan2.2-I2V-A14B
        Alibaba-NLP/gte-multilingual-reranker-base
        FunAudioLLM/CosyVoice2-0.5B | Tongyi-MAI/Z-Image-Turbo | moonshotai/Kimi-VL-A3B-Thinking
        kimi-k4 | glm-6 | zai-org/CogView4-6B | THUDM/CogVideoX-5b | THUDM/cogvlm2-llama3-chat-19B
        MiniMaxAI/MiniMax-H3 | hailuo-3 | tencent/HunyuanVideo | tencent/hy4-preview
        XiaomiMiMo/MiMo-V2.6-Pro-RL | baidu/Qianfan-VL-8B
        @cf/bytedance/stable-diffusion-xl-lightning
        ByteDance/Dolphin | stepfun-ai/GOT-OCR2_0 | Kwai-Kolors/Kolors
        FireRedTeam/FireRedASR-LLM-L
        openchat:7b | fireworks_ai/accounts/fireworks/models/openchat-3p5-0106-7b | xwinlm:13b
        NovaSearch/stella_en_1.5B_v5 | shibing624/text2vec-base-chinese | nex-agi/nex-n2-pro
        hfl/llama-3-chinese-8b-instruct-v3 | shenzhi-wang/Llama3-8B-Chinese-Chat
        XHToken/Spark-X2.5-4B
        SWivid/F5-TTS | HiDream-ai/HiDream-I1-Full | yentinglin/Llama-3-Taiwan-70B-Instruct
        TencentARC/LLaMA-Pro-8B-Instruct | hkunlp/instructor-xl | inclusionAI/Ring-2.5-1T
        Kwaipilot/KAT-Coder-V2.5-Dev | MiniMaxAI/MiniMax-Music3 | AngelSlim/Hy-MT1.5-1.8B-1.25bit
        ISTA-DASLab/Qwen3.8-27B-GSQ-RCO-GGUF
        kimi-k3.1-pro-highspeed | accounts/fireworks/models/kimi-k3p1-pro | kimi-k4-pro
        regional.moonshotai.kimi-k3 | umans-glm-5.3 | umans-qwen3.6-35b-a3b
        ~z-ai/glm-latest | zai/glm-flash-latest | minimax-latest | deepseek-flash-latest
        tclf90/GLM-4.5-Air-GPTQ-Int4-Int8Mix | mlx-community/Qwen3-8B-4bit-DWQ
        unsloth/Qwen3-4B-unsloth-bnb-4bit | Qwen3-4B-q4f16_1-MLC
        iic/speech_paraformer-large-vad-punc_asr_nat-zh-cn-16k-common-vocab8404-pytorch
        paraformer-zh | iic/nlp_gte_sentence-embedding_chinese-base | ZhipuAI/chatglm3-6b
        AI-ModelScope/bge-large-zh-v1.5 | Xorbits/HunyuanDiT-v1.2-Diffusers-Distilled
        InstantCharacter | Agents-A1 | m-a-p/YuE2-3B | mradermacher/DianJin-R1-7B-i1-GGUF
        Alibaba-NLP/gme-Qwen2-VL-7B-Instruct | BELLE-2/Belle-whisper-large-v3-zh | fin-r1
        XiYanSQL-QwenCoder-2504 | csg-wukong-chat-v0.1 | codeshell-chat | megrez-3b-instruct
        iquest-coder-v1-40b | WhereIsAI/UAE-Large-V1 | jdopensource/JoyAI-LLM-Flash
        ling-3.0-tiny | ling-3.0-flash-fin-free | hy-mt2-plus | qihoo360/360Zhinao3-7B
        intern-latest | baichuan-m4 | Qwen/Qwen-VL-Chat | GUI-Owl-7B""",
    "cn-proprietary": """
        qwen-max | qwen3-max | dashscope/qwen-plus-latest | openrouter/qwen/qwen-turbo
        qwen3-coder-plus | qwen-vl-max | qwen4-max | qwen-plus-2025-07-28 | qwq-plus | qwen-long
        qwen3.5-flash | text-embedding-v4 | moonshot-v1-128k | moonshot/moonshot-v1-auto
        abab6.5s-chat | minimax/speech-02-hd | glm-4-air | glm-4-plus | glm-4-flash
        zhipu/glm-4-airx | glm-3-turbo | hunyuan-turbo | hunyuan-turbos-latest | ernie-4.0-8k
        ernie-3.5-128k | ernie-x1-turbo-32k | ernie-4.5-turbo-128k
        volcengine/doubao-seed-1-6-250615 | doubao-1.5-pro-32k | bytedance-seed/seed-1.6
        step-1-8k | step-2-16k | step-r1-v-mini | Baichuan4-Turbo | baichuan3-turbo-128k
        yi-lightning | yi-large | seedream-4-0-250828 | kling-v2-1 | qwen-image-2.0-pro
        qwen3.8-flash
        wanx2.1-t2i-turbo | wan2.2-i2v-flash | wanx-v1 | cosyvoice-v2 | paraformer-realtime-v2
        gte-rerank-v2 | qwen-tts-latest | cogvideox-3 | cogview-3-flash | zhipu/embedding-3
        spark-max | spark-lite-latest | spark-pro-128k
        baichuan-m3-plus | iflytek/spark-max | generalv3.5 | hailuo-02 | minimax/video-01
        pixverse-v5
        viduq2-turbo | dreamina-3.1 | novita/skywork/r1v4-lite
        bytedance/dola-seed-2.0-code | M2-her | glm-4.5-flash:free | step-1x-medium | taichu_o1
        360zhinao2-o1 | glm-turbo-latest | paraformer-8k-v1 | sambert-zhichu-v1
        speech-2.6-hd | I2V-01-live | hyper3d/rodin/v2 | tripo3d/tripo/v2.5/image-to-3d""",
    "row-open": """
        openai/gpt-oss-120b | gpt-oss:20b-cloud | bedrock/openai.gpt-oss-20b-1:0 | whisper-1
        groq/whisper-large-v3-turbo | gpt2 | meta-llama/Llama-3.3-70B-Instruct
        us.meta.llama3-1-70b-instruct-v1:0 | ollama/llama3.2:3b | llama-4-maverick
        databricks-meta-llama-3-3-70b-instruct | codellama-34b-instruct
        @cf/meta/llama-3.1-8b-instruct-fp8 | replicate/meta/llama-2-70b-chat
        accounts/fireworks/models/llama-v3p1-405b-instruct | huggingface/meta-llama/Llama-3.1-8B
        google/gemma-3-27b-it | gemma2-9b-it | gemini/gemma-3-12b-it | embeddinggemma-300m
        codegemma-7b | mistral-7b-instruct-v0.3 | mixtral-8x7b | open-mistral-nemo | mistral-nemo
        mistral-small-latest | mistral-large-2411 | mistralai/mistral-small-3.2-24b-instruct
        devstral-small-2505 | magistral-small-2506 | pixtral-12b-2409 | ministral-8b-latest
        bria/3.2-text-to-image | replit-code-v1-3b | replit/replit-code-v1_5-3b
        google/paligemma2-3b-mix-448
        llava-v1.6-vicuna-7b-hf | segmind/SSD-1B | segmind/tiny-sd | jina-reranker-v1-tiny-en
        codestral-mamba | grok-1 | grok-2-1212 | xai-org/grok-2 | command-r-plus
        command-a-03-2025 | cohere/command-r7b-12-2024 | c4ai-aya-expanse-32b | jamba-1.5-large
        ai21.jamba-1-5-mini-v1:0 | phi-4 | microsoft/Phi-3.5-mini-instruct | mai-ds-r1
        microsoft/WizardLM-2-8x22B | nvidia/llama-3.1-nemotron-70b-instruct | nemotron-nano-9b-v2
        perplexity/r1-1776 | tngtech/deepseek-r1t2-chimera:free
        tngtech/DeepSeek-TNG-R1T2-Chimera | NousResearch/Hermes-3-Llama-3.1-405B
        nous-hermes-2-yi-34b | cognitivecomputations/dolphin-mistral-24b-venice-edition
        allenai/OLMo-2-1124-13B-Instruct | allenai/Llama-3.1-Tulu-3-70B | molmo-7b-d
        ibm/granite-3.3-8b-instruct | tiiuae/falcon-40b-instruct
        LGAI-EXAONE/EXAONE-3.5-32B-Instruct | solar-10.7b-instruct | sarvam-m | jais-30b-chat
        snowflake-arctic-instruct | databricks/dbrx-instruct | liquid/lfm2-8b-a1b | reka-flash-3
        arcee-ai/trinity-mini | intfloat/multilingual-e5-large | nomic-embed-text
        jina-embeddings-v3 | amazon/chronos-t5-large | swiss-ai/apertus-70b-instruct
        mosaicml/mpt-7b-chat | HuggingFaceH4/zephyr-7b-beta
        TheBloke/Mistral-7B-Instruct-v0.2-GPTQ | gryphe/mythomax-l2-13b | sao10k/l3.3-euryale-70b
        deepcogito/cogito-v2-preview-llama-70b | meta/sam-3.1 | cloudflare/@cf/cloudflare/clef-omni
        openai/clip-vit-large-patch14 | distil-whisper-large-v3-en | Systran/faster-whisper-large-v3
        ministral-3b-2512 | mistral-large-4 | aya:35b | olmo-3:32b
        stabilityai/StableBeluga-70B | @cf/lykon/dreamshaper-8-lcm | Lightricks/LTX-2.5
        flux.1-krea-dev
        nvidia/parakeet-tdt-0.6b-v3 | hexgrad/Kokoro-82M | sesame/csm-1b | fishaudio/s2-pro
        scb10x/llama3.1-typhoon2-70b-instruct | sailor2:8b | TinyLlama/TinyLlama-1.1B-Chat-v1.0
        skt/A.X-4.0 | cyberagent/DeepSeek-R1-Distill-Qwen-32B-Japanese
        VAGOsolutions/SauerkrautLM-7b
        maritaca-ai/sabia-7b | ai-sage/GigaChat-20B-A3B-instruct | dicta-il/dictalm2.0-instruct
        sentence-transformers/LaBSE | vidore/colqwen2.5-v0.2 | katanemo/Arch-Router-1.5B
        bespokelabs/Bespoke-Nimble-9B | Hcompany/Holo2-30B-A3B | perplexity/pplx-decider-v1.1-27b
        nvidia_nim/nvidia/llama-3_2-nv-rerankqa-1b-v2 | fal_ai/bria/text-to-image/3.2
        poolside/laguna-m.1 | laya/english | prefeitura-rio/Rio-3.5-Open-397B
        recursive/flint | flint-40b-free | unsloth/flint-GGUF:Q4_K_M | trendyol-asure-12b
        aisingapore/Nemotron-SEA-LION-v4.8-120B-A12B | Qdrant/colmodernvbert
        Qdrant/resnet50-onnx | Qdrant/bm42-all-minilm-l6-v2-attentions | AnimeSharp
        prithivida/Splade_PP_en_v1 | mlx-community/MeloTTS-English-v3-MLX | MeloTTS-Japanese
        diffusers/controlnet-zoe-depth-sdxl-1.0 | LLM-Research/Meta-Llama-3.1-8B-Instruct
        AI-ModelScope/FLUX.1-dev | KittenML/kitten-tts-nano-0.1 | microsoft/codebert-base
        minishlab/potion-base-8M | facebook/hubert-large-ls960-ft
        allenai/longformer-large-4096-finetuned-triviaqa | google/paligemma2-3b-ft-docci-448
        replicate/llama70b-v2-chat:e951f18578850b652510200860fc4ea62b3b16fac280f83ff32282f87bbd2e48
        azure_ai/mistral-large-2411-deploy | Helsinki-NLP/opus-mt-en-de
        openai-community/openai-gpt | fal-ai/flux-lora | modelscope/Llama-2-7b-chat-ms
        huggingface/gemma2-9b-cpt-sea-lionv3-instruct | sambanova/sambalingo-thai-base
        google/canine-s | microsoft/git-base | ai-sage/Giga-Embeddings-instruct""",
    "row-proprietary": """
        gpt4omini | azure/o3mini-deploy | openai/text-similarity-ada-001 | text-search-ada-doc-001
        fal-ai/flux-pro/v1.1-ultra-finetuned | deepl-zh | duo-chat-fable-5
        fal_ai/luma/agent/ray/v3.2/text-to-video
        openai-gpt-6-luna | google-decisions:gemini-decision-1
        gpt-4o | gpt-4o-2024-08-06 | azure/gpt-35-turbo | openai/gpt-5-mini | o1-preview
        azure/o3-mini | openrouter/openai/o4-mini-high | ft:gpt-4o-mini-2024-07-18:acme::abc123
        openai/ft:gpt-3.5-turbo-0125:org:name:id | chatgpt-4o-latest | gpt4o | GPT-4 Turbo
        text-embedding-3-large | text-embedding-ada-002 | dall-e-3 | tts-1-hd | gpt-image-1
        text-davinci-003 | duo-chat-gpt-5-1 | claude-3-5-sonnet-20240620
        anthropic/claude-sonnet-4:thinking | vertex_ai/claude-opus-4@20250514 | Claude 3.5 Sonnet
        us.anthropic.claude-sonnet-4-20250514-v1:0 | bedrock/converse/anthropic.claude-instant-v1
        databricks-claude-opus-4-1
        arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-3-7-sonnet-20250219-v1:0
        bedrock/arn:aws:bedrock:eu-west-1::foundation-model/amazon.nova-pro-v1:0 | gemini-2.5-pro
        models/gemini-1.5-flash-latest | vertex_ai/gemini-2.0-flash-001
        projects/p-1/locations/us-central1/publishers/google/models/gemini-2.5-flash
        google/gemini-2.5-flash-preview-tts | text-bison@002 | textembedding-gecko
        grok-2-image | aura-2-zeus-en | sonic-3.5 | universal-3-pro | bria/expand
        jina-reranker-v1-base-en
        imagen-4.0-generate-001 | xai/grok-4 | grok-3-mini-beta | x-ai/grok-code-fast-1
        mistral-medium-2505 | mistral/magistral-medium-latest | codestral-2501
        mistral-large-2402 | devstral-medium-2507 | mistral-saba-24b | amazon.nova-lite-v1:0
        amazon-nova/nova-micro-v1 | amazon.titan-text-express-v1 | cohere.command-light-text-v14
        command-nightly | embed-english-v3.0 | rerank-english-v3.0 | j2-ultra | ai21.j2-mid-v1
        sonar-pro | perplexity/sonar-deep-research | perplexity/llama-3.1-sonar-large-128k-online
        inception/mercury-coder | reka-core | writer.palmyra-x5-v1:0 | inflection/inflection-3-pi
        voyage-3-large | voyage/rerank-2 | deepgram/nova-3 | flux-pro-1.1 | claude-6 | gpt-7
        gemini-4
        computer-use-preview-2025-03-11 | gemini-2.5-computer-use-preview-10-2025 | opus-5-5
        azure/speech/azure-tts-hd | azure_ai/Microsoft-Decision-1
        aws_polly/neural | stability/inpaint | aiml/flux/kontext-max/text-to-image | flux-3-video
        accounts/fireworks/models/ember-1 | typesafe/jev-latest
        gigachat/Embeddings | sarvam/bulbul:v3 | sabia-4 | tsuzumi-7b | plamo-beta
        recraftv3 | luma/ray-2 | pika-2.5 | midjourney-v7 | runwayml/eleven_multilingual_v2
        @cf/deepgram/flux | gladia/solaria-1 | playai-tts | @cf/leonardo/phoenix-1.0
        mistral-code-latest | imagen-4.0-generate-001 | timegpt-1
        openai/gpt-mini-latest | ~openai/gpt-astra-latest | gpt-latest | xai/grok-latest
        composer-2.5-fast | cursor/composer-3 | swe-1.6 | relace-apply-3 | groq/compound
        groq/compound-mini | fugu-ultra-v1-0 | sakana/sakana-namazu | jina-deepsearch-v1
        eleven_realtime_v1_max | fish-audio/transcribe-1 | heygen/heygen-video-1
        parallel/parallel-decisions-fast | perceptron/perceptron-mk1 | quiverai/arrow-2-telos
        topaz/starlight-precise-2.6 | typesafe-ai/jev | muse-ember-1.0 | agnes-2.0-flash
        aion-labs/aion-3.5-mini | mercury | nova-3-medical""",
    "unknown": """
        glm-asr | glm-asr-2512 | someone/Llama-3-8B-German-ft | openbuddy-llama2-13b-v8.1-fp16
        qwen/qwen3.8-27b-fable | google/gemma-4-26b-a4b-it-cybersecurity | x-ray-7
        kb/answer-bot | clips/prod-summarizer | tau/planner-1 | minimind-coach-bot | git-base
        tapas-large-menu | camembert-pro-recipes | opus-mt-teams | text-search-ada-lovelace
        tigerbot-shop-faq | sus-chat-detector | dpt-large-vehicle | mythos-9-team
        koala-care-bot | ghost-writer-pro
        nvidia/usdcode | nvidia/studiovoice | nvidia/active-speaker-detection
        robin-hood-7b-helper | embo-2 | deepl-team-bot | flux-lora-acme
        google/gemma-2-9b-it-router
        openrouter/auto | gpt-proxy-1 | default | prod-chat | model-router | azure/my-deployment
        segmind/face-to-many | spark-pro-7b | sonic-bot | spark-max-joe
        router | openrouter/owl-alpha | qwen | qwen4 | kimi | xo1y | yield-model | novabot
        philosopher-7b | seed-42 | step-by-step | ring-doorbell | commander | solar-system
        mercury-rising | titanic | sonarqube | kimiko | stepwise | o1x | llamaindex-bot
        claudette | qwerty | qwen-llama-merge-13b | claude-gpt-4-mix | gemini-llama-8b
        vicious-claude-7b-uncensored | gpt-4-x-alpaca-foo/bar
        huihui-ai/Qwen2.5-32B-Instruct-abliterated | someone/Llama-3-8B-Lexi-Uncensored-V2
        acme/Qwen3-32B-Contracts | someone/claude-distilled-llama-7b | mistralai/mistral-nemotron
        arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3d4
        @preset/claude-helper | openai/anything | deepseek/auto | nova-3 | v3 | r1 | chat | 123
        / | : | 你好 | step-9 | my-proxy | step-3 | ring-3 | pika-chu | imagen-de-perfil
        aya-assistant
        rocinante-prod | sam-2 | mj-2 | param-1 | ray-2 | stella-large | frida-bot | lfm-radio
        sonnet-18 | agnes-2 | inkling-of-truth | skylark-bot | opt-out | dia-report | bark-alert
        mistral-code-agent-latest | hailuo-3.1 | big-pickle
        Llama-3-8B-German-Chat | doc-intelligence | playground-v2 | octopus-v2 | jan-v1 | helium-1
        arch-agent | evo-1 | aws/standard | kimi-latest | mistral-medium-latest
        comfyui/stable-diffusion-custom-refiner | hy-mt2-pro | agnes-2.5-pro-alpha | step-router-v1
        umans-coder | tc-code-latest | flint-bot | acme/flint-40b-tuned | composer-team | swe-agent
        compound-interest | topaz-7b-acme | parallel/worker | arrow-2 | resnet-team | mercury-bot
        tripo-planner | vace-bot | regional-router | gpt-team-latest | someone/Llama-3-8B-fin
        transcribe-1 | point-1""",
}
CASES = [
    (origin, model.strip())
    for origin, block in KNOWN.items()
    for line in block.splitlines()
    for model in line.split(" | ")
    if model.strip()
]
ANSWERED = [(origin, model) for origin, model in CASES if origin != "unknown"]


def origin_of(model: str) -> str:
    return CATALOG.classify(model).origin


@every(CASES)
def test_the_origin_is_that_of_the_developer_and_of_this_version(origin, model):
    found = CATALOG.classify(model)
    assert found.origin == origin, found


@pytest.mark.parametrize(
    ("model", "developer", "base"),
    [
        ("NousResearch/Hermes-3-Llama-3.1-405B", "Nous Research", "Llama"),
        ("tngtech/deepseek-r1t2-chimera:free", "TNG Technology Consulting", "DeepSeek"),
        ("nvidia/llama-3.1-nemotron-70b-instruct", "NVIDIA", "Llama"),
        ("nvidia/Llama-3.1-Brandnew-8B", "NVIDIA", "Llama"),
        ("deepseek-r1-distill-llama-70b", "DeepSeek", "Llama"),
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-32B", "DeepSeek", "Qwen"),
        ("perplexity/r1-1776", "Perplexity", "DeepSeek"),
        ("mai-ds-r1", "Microsoft", "DeepSeek"),
        ("tngtech/GLM-4.6-Chimera", "TNG Technology Consulting", "GLM"),
        ("ByteDance/SDXL-Lightning", "ByteDance", "Stable Diffusion"),
        ("nousresearch/hermes-4-405b", "Nous Research", "Llama"),
        ("nousresearch/hermes-4.3-36b", "Nous Research", "Seed"),
        ("fireworks/models/yi-34b-200k-capybara", "Nous Research", "Yi"),
        ("aisingapore/Nemotron-SEA-LION-v4.8-120B-A12B", "AI Singapore", "Nemotron"),
        ("sakana/sakana-namazu", "Sakana AI", "Kimi"),
        ("mradermacher/DianJin-R1-32B-i1-GGUF", "Alibaba", "Qwen"),
        ("chronos-hermes-13b-v2", "Austism", "Llama"),
        ("wizardlm2:8x22b", "Microsoft", "Mistral"),
        ("wizardlm:13b", "Microsoft", "Llama"),
        ("cogito:32b", "Deep Cogito", "Qwen"),
        ("deepseek-r1:14b", "DeepSeek", "Qwen"),
        ("openchat-3.6-8b-20240522", "OpenChat", "Llama"),
        ("abeja/ABEJA-Qwen2.5-32b-Japanese-v1.0", "ABEJA", "Qwen"),
        ("accounts/fireworks/models/ember-1", "Fireworks AI", "Kimi"),
        ("azure/gpt-5.1-codex-mini", "OpenAI", None),
        ("gemini/gemini-gemma-2-27b-it", "Google", None),
        ("unsloth/Qwen3-8B-GGUF", "Alibaba", None),
        ("bedrock/us.anthropic.claude-sonnet-4-20250514-v1:0", "Anthropic", None),
        # Below an organisation that has only released weights, names may say what they like.
        ("princeton-nlp/gemma-2-9b-it-SimPO", "Princeton NLP", "Gemma"),
        ("kaist-ai/mistral-orpo-beta", "KAIST", None),
        ("VAGOsolutions/SauerkrautLM-ColQwen3-4b-v0.1", "VAGO solutions", None),
        ("DataScience-UIBK/Argus-Colqwen3.5-4b-v0", "University of Innsbruck", "ColPali"),
        (
            "sentence-transformers/paraphrase-multilingual-mpnet-base-v2",
            "Sentence Transformers",
            None,
        ),
        ("microsoft/mpnet-base", "Microsoft", None),
        ("Salesforce/instructblip-vicuna-7b", "Salesforce", "Vicuna"),
    ],
)
def test_a_release_belongs_to_who_trained_it_and_keeps_its_parent(model, developer, base):
    found = CATALOG.classify(model)
    assert (found.developer, found.base) == (developer, base)


@pytest.mark.parametrize(
    ("model", "counted_as"),
    [
        ("openrouter/deepseek/deepseek-r1:free", "deepseek-r1"),
        ("bedrock/us.anthropic.claude-sonnet-4-20250514-v1:0", "claude-sonnet-4-20250514"),
        ("fireworks_ai/accounts/fireworks/models/qwen2p5-72b-instruct", "qwen2.5-72b-instruct"),
        ("bartowski/Qwen2.5-14B-Instruct-GGUF:Q5_K_M", "qwen2.5-14b-instruct"),
        ("Ollama/Qwen3:32B-q4_K_M", "qwen3-32b"),
        ("tclf90/GLM-4.5-Air-GPTQ-Int4-Int8Mix", "glm-4.5-air"),
        ("ft:gpt-4o-mini-2024-07-18:acme::abc", "gpt-4o-mini-2024-07-18"),
        ("acme/llama-2-7b:" + "0f" * 32, "llama-2-7b"),
        ("accounts/fireworks/models/qwen3-8b#accounts/acme/deployments/a1", "qwen3-8b"),
        ("jumpstart-dft-meta-textgeneration-llama-2-7b", "llama-2-7b"),
        (" Prod-Chat\n", "Prod-Chat"),
        ("", "(empty)"),
        ("a\x00b\x1b[31m", "ab[31m"),
        ("x" * 1000, "x" * 128),
    ],
)
def test_hosts_and_variants_of_one_model_are_counted_together(model, counted_as):
    assert CATALOG.classify(model).model == counted_as


@pytest.mark.parametrize(
    ("model", "origin"),
    [
        ("azure_ai/ministral-3b", "row-proprietary"),
        ("mistralai/ministral-3b", "row-proprietary"),
        ("mistral/ministral-3b-latest", "row-open"),
        ("mistralai/Ministral-3-3B-Instruct-2512", "row-open"),
    ],
)
def test_hosts_serve_the_first_ministral_3b_without_a_date(model, origin):
    assert origin_of(model) == origin


@pytest.mark.parametrize(
    ("model", "origin"),
    [
        # A vendor's word in another sense.
        ("claude-monet-gallery", "unknown"),
        ("gemini-season-newsletter", "unknown"),
        ("kling-restaurant-bot", "unknown"),
        ("gemma-jewellery-shop", "unknown"),
        ("sora-sushi-orders-v2", "unknown"),
        ("alpaca-wool-shop", "unknown"),
        ("vicuna", "unknown"),
        ("lmsys/vicuna-13b-v1.5", "row-open"),
        ("claude-sonnet-4-5-myteam", "row-proprietary"),
        ("claude-opus4-8", "row-proprietary"),
        ("gemini-2.5-flash-team-x", "row-proprietary"),
        # Openness by version.
        ("ideogram-v3", "row-proprietary"),
        ("ideogram-4-nf4", "row-open"),
        ("cogview-3", "cn-proprietary"),
        ("cogview-2", "cn-open"),
        ("arcee-ai/maestro-reasoning", "row-proprietary"),
        ("arcee-ai/coder-large", "row-proprietary"),
        ("arcee-ai/arcee-lite", "row-open"),
        ("arcee-ai/zork", "unknown"),
        # An organisation that contradicts the family.
        ("facebook/sora-x", "row-open"),
        ("nvidia/megatron-gpt2-345m", "row-open"),
        ("somelab/Llama-3.2-3B-Audio", "unknown"),
        ("somelab/Qwen3-8B-GRPO", "unknown"),
        ("somelab/Qwen3-8B", "cn-open"),
        ("somelab/Qwen3-Omni-30B-A3B", "cn-open"),
        # A closed family with one published size.
        ("models/gemini-1.5-flash-8b-latest", "row-proprietary"),
        ("gemini-2.5-pro-8b", "unknown"),
        # Wrappers of clouds.
        ("azureml://registries/azureml-meta/models/Llama-3.3-70B-Instruct/versions/9", "row-open"),
        ("azureml://registries/azureml-deepseek/models/DeepSeek-R1/versions/1", "cn-open"),
        ("jumpstart-dft-meta-textgeneration-llama-3-8b", "row-open"),
        ("huggingface-textgeneration1-bloom-7b", "row-open"),
        ("nvcr.io/nim/meta/llama-3.1-8b-instruct:latest", "row-open"),
        ("registry.ollama.ai/library/gemma3:27b", "row-open"),
        # Words of repacks.
        ("somelab/gemma-3-27b-it-apex-balanced", "row-open"),
        ("qwen3-32b-eagle3", "cn-open"),
        # A family of its own before the base that it is made from.
        ("OpenGVLab/InternVL3-Qwen2.5-7B", "cn-open"),
        ("Skywork/Skywork-Critic-Gemma-2-9B", "cn-open"),
        ("qwen-llama-blend-13b", "unknown"),
        # Organisations that have only released weights.
        ("facebook/zork-1b", "row-open"),
        ("ibm-granite/zork-1b", "row-open"),
        ("AIDC-AI/Zork-7B", "cn-open"),
        ("meta/zork-1b", "unknown"),
    ],
)
def test_the_words_around_a_name_decide_whether_it_is_the_family(model, origin):
    assert CATALOG.classify(model).origin == origin, CATALOG.classify(model)


def test_the_answer_names_the_rule():
    assert CATALOG.classify("qwen3-max").matched_by == 'family "Qwen", tier "max"'
    assert CATALOG.classify("qwen-llama-merge").matched_by.startswith("unknown: two families")


def test_a_vendor_on_both_sides_without_a_deciding_word_keeps_its_developer():
    found = CATALOG.classify("qwen4")
    assert (found.origin, found.developer, found.openness) == ("unknown", "Alibaba", None)


PARTS = (
    *("qwen", "claude", "llama", "o1", "yi", "gpt", "preset", "r1", "3", "max", "70b", "us."),
    *("/", ":", "-", ".", "--", "@", "ft:", "arn:aws:", "v1:0", " "),
)
COMMON = "o1 o3 yi nova phi seed step ring command titan solar mercury sonar"


@given(st.text(max_size=600))
def test_any_text_is_answered(model):
    found = CATALOG.classify(model)
    assert found.origin in ORIGINS
    assert 0 < len(found.model) <= 128
    found.model.encode()
    assert (found.origin == "unknown") == (found.openness is None)


@given(
    st.lists(
        st.sampled_from(PARTS),
        max_size=14,
    )
)
def test_any_mix_of_name_parts_is_answered(parts):
    assert CATALOG.classify("".join(parts)).origin in ORIGINS


@given(
    st.sampled_from(ANSWERED),
    st.sampled_from(["openrouter/", "litellm_proxy/", "hosted_vllm/", "openai/", "azure/"]),
)
def test_a_host_in_front_does_not_change_the_origin(case, host):
    origin, model = case
    if not model.startswith(("arn:", "@")):
        assert origin_of(host + model) == origin


@given(
    st.sampled_from(ANSWERED),
    st.sampled_from([":free", ":thinking", ":nitro", "@20250514", "-latest", "-preview", "-fp8"]),
)
def test_a_variant_behind_does_not_change_the_origin(case, variant):
    origin, model = case
    if "ft:" not in model:
        assert origin_of(model + variant) == origin


@given(st.sampled_from(CASES))
def test_case_and_spaces_around_do_not_change_the_origin(case):
    origin, model = case
    assert origin_of(f"  {model.upper()}\t") == origin


@given(
    st.sampled_from(COMMON.split(" ")),
    st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=4),
    st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=4),
)
def test_a_name_inside_a_word_is_not_a_name(token, before, after):
    assert origin_of(f"zz{before}{token}{after}zz") == "unknown"


def test_the_cache_stays_bounded():
    catalog = Catalog.load()
    for number in range(CACHE_ENTRIES + 1000):
        catalog.classify(f"x{number}")
    assert len(catalog._young) + len(catalog._old) <= CACHE_ENTRIES
