"""Uses a sampler through OpenAI's own client.

usage: openai_client.py BASE_URL MODEL POLICY

Prints {"models": […], "completion": {…}, "echoed": {…}, "chat": "…", "streamed": "…", "policy": "…", "error": {…}}.
"""
import json
import sys

import openai


def main():
    url, model, policy = sys.argv[1:]
    client = openai.OpenAI(base_url=url, api_key="unused", max_retries=0)
    question = [{"role": "user", "content": "What is the capital of France?"}]
    completion = client.completions.create(
        model=model, prompt=["The capital of France is", "Two and two is"], max_tokens=4, temperature=0, logprobs=2
    )
    echoed = client.completions.create(
        model=model, prompt="The capital of France is Paris", max_tokens=0, temperature=0, logprobs=1, echo=True
    )
    chat = client.chat.completions.create(model=model, messages=question, temperature=0, max_tokens=16, logprobs=True, top_logprobs=3)
    stream = client.chat.completions.create(
        model=model, messages=question, temperature=0, max_tokens=16, stream=True, stream_options={"include_usage": True}
    )
    pieces, usage = [], None
    for chunk in stream:
        usage = chunk.usage or usage
        pieces += [choice.delta.content or "" for choice in chunk.choices]
    trained = client.chat.completions.create(model=policy, messages=question, temperature=0, max_tokens=16)
    try:
        client.completions.create(model="nothing", prompt="a")
        error = None
    except openai.NotFoundError as refused:
        error = {"status": refused.status_code, "code": refused.code, "param": refused.param}
    json.dump(
        {
            "models": [one.id for one in client.models.list()],
            "completion": {
                "texts": [choice.text for choice in completion.choices],
                "reasons": [choice.finish_reason for choice in completion.choices],
                "tokens": completion.usage.completion_tokens,
                "logprobs": [len(choice.logprobs.top_logprobs) for choice in completion.choices],
            },
            "echoed": {
                "text": echoed.choices[0].text,
                "logprobs": echoed.choices[0].logprobs.token_logprobs,
            },
            "chat": chat.choices[0].message.content,
            "chat_logprobs": [len(token.top_logprobs) for token in chat.choices[0].logprobs.content],
            "streamed": "".join(pieces),
            "usage": usage.completion_tokens,
            "policy": trained.choices[0].message.content,
            "error": error,
        },
        sys.stdout,
    )


main()
