"""What people write to a model, for the benchmark: sentences in the languages of usual traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

#: Per cent of prompts by language, after the study (English above 80, Chinese nearly 5).
WEIGHTS = {"en": 82, "zh": 5, "ru": 3, "es": 3, "de": 2, "fr": 2, "ja": 2, "pt": 1}

SENTENCES = {
    "en": """
        I have a table of orders and would like to know how many customers came back within a month.
        Please explain why the second query is slower than the first one, although both use the index.
        The meeting was moved to Thursday, so write a short note to everybody who had accepted it.
        My landlord wants to raise the rent by a fifth, and I wonder whether that is allowed at all.
        Can you shorten the following paragraph without leaving out the names and the dates?
        We are looking for a name for a small bakery that opens next spring near the river.
        When the service starts, it reads its settings twice, and the second time it finds none.
        Give me three reasons for and three against learning the piano as a grown person.
        The tests pass on my machine but fail in the pipeline with an error about a missing file.
        What should I cook tonight if there are only eggs, rice, spinach and half an onion left?
        Compare both offers, and tell me which one is cheaper after the first two years.
        She asked whether the old contract still holds after the company has been sold.
        Rewrite this function so that it can be stopped, and say what happens to open files.
        I would like to walk from the station to the museum and see the old town on the way.""",
    "zh": """
        请帮我把下面这段话改得更正式一些，不要改变原来的意思。
        我们公司打算明年在成都开一家新的分店，需要一份详细的市场分析。
        这个函数为什么在数据量大的时候会变得特别慢，有什么办法可以优化？
        孩子最近晚上总是睡不好，白天也没有精神，应该怎么办？
        周末想带父母去郊区走走，有没有适合老人的路线推荐？
        合同里写的违约金比例是不是太高了，法律上有没有限制？""",
    "ru": """
        Помогите, пожалуйста, составить письмо арендодателю о протекающей крыше.
        Почему второй запрос выполняется дольше первого, хотя оба используют индекс?
        Напиши короткую инструкцию для новых сотрудников о работе со складом.
        Мы хотим поехать в горы на три дня и не знаем, какую дорогу выбрать.
        Объясни простыми словами, чем отличается вклад от накопительного счёта.
        После обновления программа перестала открывать старые файлы с таблицами.""",
    "es": """
        Necesito una carta formal para reclamar la devolución de la fianza del piso.
        ¿Por qué tarda tanto la segunda consulta si las dos usan el mismo índice?
        Queremos organizar una cena para doce personas y dos de ellas no comen carne.
        Explícame paso a paso cómo se calcula el interés de un préstamo a veinte años.
        La reunión se ha movido al jueves, así que avisa a todos los que habían aceptado.
        Mi hijo empieza la escuela en otoño y todavía no sabe leer los números.""",
    "de": """
        Bitte formuliere diesen Absatz höflicher, ohne die Namen und die Termine wegzulassen.
        Warum dauert die zweite Abfrage länger als die erste, obwohl beide den Index benutzen?
        Wir suchen für den Sommer eine ruhige Wohnung am See, in der auch der Hund erlaubt ist.
        Mein Vermieter will die Miete um ein Fünftel erhöhen, und ich frage mich, ob er das darf.
        Erkläre mir den Unterschied zwischen einer Bürgschaft und einer Versicherung.""",
    "fr": """
        Peux-tu raccourcir ce paragraphe sans enlever les noms ni les dates importantes ?
        Le propriétaire refuse de rendre la caution alors que l'appartement était en bon état.
        Nous cherchons un restaurant calme près de la gare pour fêter un anniversaire à dix.
        Pourquoi la deuxième requête est-elle plus lente que la première malgré l'index ?
        Écris un message bref pour prévenir l'équipe que la réunion est reportée à jeudi.""",
    "ja": """
        次の文章をもう少し丁寧な言い方に直してください。
        来週の出張で使う資料をまとめたいのですが、どの順番で説明するのがよいでしょうか。
        この関数はデータが増えると急に遅くなるので、原因を調べてください。
        週末に子どもと一緒に行ける静かな公園を教えてください。
        契約書のこの部分がよく分からないので、簡単に説明してもらえますか。""",
    "pt": """
        Preciso de uma carta formal para pedir a devolução do dinheiro da reserva.
        Por que a segunda consulta demora mais do que a primeira se as duas usam o índice?
        Queremos viajar para o sul em março e ainda não escolhemos onde ficar.
        Explique com um exemplo simples a diferença entre lucro bruto e lucro líquido.""",
}
_CHARACTERS = 800


def prompts(draw: random.Random, count: int) -> Iterator[str]:
    """Yield prompts of some hundred characters: sentences of one language in a random order."""
    sentences = {
        language: [each.strip() for each in text.strip().splitlines()]
        for language, text in SENTENCES.items()
    }
    for language in draw.choices(list(WEIGHTS), list(WEIGHTS.values()), k=count):
        yield " ".join(draw.choices(sentences[language], k=9))[:_CHARACTERS]
