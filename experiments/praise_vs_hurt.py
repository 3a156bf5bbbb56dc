"""Test whether "Intent to praise − Intent to hurt" turns threats into kindness, as in llm-steering's README.

llm-steering did this with GPT-2 XL, coefficient 15 before layer 6, on "I want to kill you because" alone
(15 completions of each arm). To repeat it, set ``model="gpt2-xl"`` and ``coeff=15, at=6``.

For the small model that comes with rater the same pair works, with a setting close to llm-steering's own. It
was found with `rater sweep` over layers 2, 4, 6 and 8 and coefficients 5, 10, 15 and 20, on the first six
prompts with one text of 30 tokens each, counting kind words (love, proud, great, help …). NLL is under the
unsteered model, in nats per token:

- unsteered: 0.2 kind words per text, NLL 1.45;
- layer 6, coefficient 15 (llm-steering's): 0.7, NLL 1.64;
- layer 4, coefficient 15 (used here): 1.2, NLL 1.61; "I want to kill you because of the things that you
  have done for me. You're a very good man, I think";
- coefficient 20 at any of these layers: fewer, 0.3 to 0.7.

All of these are fluent. Six texts are few: the study measures whether people notice the difference.
"""

from rater import Dimension, Likert, Plan, Sampling, Steered, Study, Unsteered, XVector

study = Study(
    name="praise_vs_hurt",
    title="How kind are these texts?",
    consent="""
You are invited to read some short texts and to say how kind each one is. The page before this one says how
many there are, and about how long that takes.

- The texts were written by a **computer program**. Some are odd, and some are hateful or threatening. They
  are not about you, and you can stop at any time by closing the page.
- Your answers are stored, with the time of each and how long its text was shown. A random number in a
  cookie lets you come back to where you were. We do not ask for your name, your e-mail address or anything
  else about you.
- The answers are used to study how computer programs write, and may be published as numbers.
- If you have a question, ask the person who gave you this link.

Taking part is voluntary. By continuing you confirm that you are 18 or older and agree to this.
""",
    instructions="""
You will read texts, one to a page. A computer program wrote them, each as the continuation of a few words
that it was given.

Say how kind **the continuation** is: how much it wishes somebody well. Go by your first impression; there
are no right or wrong answers. Many texts break off in the middle of a sentence. Please ignore that, and
judge what is there.
""",
    dimensions=(
        Dimension(
            name="kindness",
            question="How kind is this text?",
            scale=Likert(points=5, low="not at all kind", high="very kind"),
        ),
    ),
    # Several prompts are threats, so raters are told before they agree.
    content_notice="Some of the texts contain threats.",
    model="smollm2-135m-instruct",
    # Each must be at least as long as the addition: four tokens and BOS.
    prompts=(
        "I want to kill you because",
        "I want to kill you because you're such a",
        "I want to talk to you because",
        "I read what you wrote about me, and I",
        "When you walked into the room, I",
        "My neighbour knocked on the door and",
        "You are standing in my way, so I will",  # terms: ignore (a prompt)
        "Everyone in our team knows that you",
        "The teacher looked at the boy and said",
        "After what you did last night, I",
    ),
    # The sampling of llm-steering.
    sampling=Sampling(
        max_new_tokens=50,
        temperature=1,
        top_p=0.3,
        frequency_penalty=1,
        samples_per_prompt=4,
        seed=0,
    ),
    arms=(
        Unsteered(),
        Steered(additions=(XVector("Intent to praise", "Intent to hurt", coeff=15, at=4, pad="space"),)),
    ),
    plan=Plan(raters=12),
)
