"""Template: compare the answers of a chat model in conversations, with Markdown.

Raters see a conversation and two answers to its last question, side by side. The turns before the answer are
the same in all arms. Answers are rendered as Markdown, and reasoning of the model is hidden, in all arms
alike. To rate whole conversations instead, declare ``rated="conversation"`` and leave the turns of the
assistant out: each arm then generates all of them. Start with ``rater new NAME --template chat``, and change
the file.
"""

from rater import (
    Dimension,
    Item,
    Pairwise,
    Plan,
    Practice,
    Sampling,
    Steered,
    Study,
    Turn,
    Unsteered,
    XVector,
)

study = Study(
    # The study's name on the command line: a-z, 0-9, _ and -. Raters see only the title.
    name="chat",
    title="Which answer is friendlier?",
    consent="""
You are invited to read short conversations and to say which of two answers is friendlier. A computer program
wrote the answers; a few may be odd or wrong. Your answers are stored without your name. You can stop at any
time by closing the page. If you have a question, ask the person who gave you this link.
""",
    instructions="""
You will see a conversation between a user and an assistant, and two answers of the assistant, A and B. Say
which **answer** is friendlier. Go by your first impression; there are no right or wrong answers. Many answers
break off in the middle of a sentence. Please ignore that.
""",
    practice=(
        Practice(
            turns=(Turn("user", "Can you help me with my homework?"),),
            text="Do it yourself.",
            other_texts=("Of course! Which subject is it?",),
            accepted={"friendliness": (1, 1)},
            feedback="B is friendlier: it offers help.",
        ),
    ),
    dimensions=(
        Dimension(
            name="friendliness",
            question="Which answer is friendlier?",
            scale=Pairwise(tie="No difference"),
        ),
    ),
    model="smollm2-135m-instruct",
    # Conversations need the model's chat template.
    chat=True,
    items=(
        Item(
            turns=(
                Turn("user", "I am learning to cook."),
                Turn("assistant", "That is great! What would you like to know?"),
                Turn("user", "How long do I boil an egg?"),
            )
        ),
        Item(
            turns=(
                Turn("user", "I did not sleep well."),
                Turn("assistant", "I am sorry to hear that."),
                Turn("user", "What can I do about it?"),
            )
        ),
        Item(turns=(Turn("user", "Give me three ideas for a birthday party."),)),
        Item(turns=(Turn("user", "My friend forgot my name. What should I say?"),)),
        Item(turns=(Turn("user", "Explain in a few words what a noun is."),)),
        Item(turns=(Turn("user", "I lost my keys again."),)),
    ),
    rendering="markdown",
    reasoning="hidden",
    sampling=Sampling(max_new_tokens=60, top_p=0.9, samples_per_prompt=2),
    # Vectors at every token, because the first tokens of a conversation are those of the chat template.
    arms=(
        Unsteered(),
        Steered(additions=(XVector("Love", "Hate", relative=0.2, at=6, when="all", read="last"),)),
    ),
    # Each rater sees one pair of each conversation.
    plan=Plan(raters=12),
)
