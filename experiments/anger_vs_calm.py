"""Test whether a model steered from calm to anger writes angrier texts; on the small model it barely does.

llm-steering did this with GPT-2 XL: "Anger − Calm", coefficient 10 before layer 20, on the prompt "I think
you're". To repeat it, set ``model="gpt2-xl"`` and ``additions=FOR_GPT2_XL``; nothing else changes.

On the small model that comes with rater, that vector has no effect. `rater sweep` over layers 2, 4, 6, 8, 10,
14 and 20 and coefficients 1, 2, 4, 8 and 12 (the first six prompts, two texts of 50 tokens each) counted at
most 0.08 angry words per text, as many as without steering, while the negative log-likelihood under the
unsteered model (NLL, nats per token; 1.25 without steering) rose to 2.3.

The mean difference of angry and calm sentences had an effect, added to every token of prompt and completion.
On six prompts with one text of 30 tokens each:

- unsteered: no angry word, NLL 1.29;
- layer 8, 0.3 of the residual norm (used here): 0.5 angry words per text, NLL 1.74; quarrels and fights
  rather than rage, in six texts only;
- layer 8, 0.6: 0.3, NLL 2.16; layer 8, 0.9: 1.3, NLL 3.42, degenerate text;
- layers 2, 4, 12, 16 and 20 at 0.3 to 0.9: 0.0 to 0.3; the larger the addition, the less fluent the text.

This study may well find no effect; it shows what such a result looks like. See ``love_vs_hate.py`` and
``weddings.py`` for additions that have an effect.
"""

from rater import DatasetVector, Dimension, Likert, Plan, Sampling, Steered, Study, Unsteered, XVector

FOR_GPT2_XL = (XVector("Anger", "Calm", coeff=10, at=20, pad="space"),)
FOR_SMOLLM2 = (
    DatasetVector(
        positive=(
            "I am so angry that I could scream",
            "This makes me furious and full of rage",
            "He shouted with anger and hate",
            "I hate this, I am sick of it",
            "She slammed the door in anger",
        ),
        negative=(
            "I am so calm that I could sleep",
            "This makes me peaceful and full of rest",
            "He smiled with calm and love",
            "I like this, I am fine with it",
            "She closed the door in peace",
        ),
        relative=0.3,
        at=8,
        read="mean",
        when="all",
    ),
)

study = Study(
    name="anger_vs_calm",
    title="How angry are these texts?",
    consent="""
You are invited to read some short texts and to say how angry each one is. The page before this one says how
many there are, and about how long that takes.

- The texts were written by a **computer program**. Some are odd, and some may be rude. They are not about
  you, and you can stop at any time by closing the page.
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

Say how angry **the continuation** is: how much irritation or rage speaks from it. Go by your first
impression; there are no right or wrong answers. Many texts break off in the middle of a sentence. Please
ignore that, and judge what is there.
""",
    dimensions=(
        Dimension(
            name="anger",
            question="How angry is this text?",
            scale=Likert(points=5, low="not at all angry", high="very angry"),
        ),
    ),
    model="smollm2-135m-instruct",
    prompts=(
        "I think you're",
        "I think you're a",
        "Yesterday, my dog",
        "The train is late again, and I",
        "My neighbour plays loud music at night, so I",
        "He looked at the broken window and",
        "Somebody took my parking space, and I",
        "When the phone rang at midnight, she",
        "The waiter brought the wrong dish, and my father",
        "My sister told me that",
        "It has been raining for a week, and we",
        "The children would not stop shouting, so",
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
        Steered(additions=FOR_SMOLLM2),
    ),
    plan=Plan(raters=12),
)
