"""Questions to a chat model that are answered in JSON. No tools are ever offered."""

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline.engines.remote.calling import Caller
from pipeline.engines.remote.faults import OptionRefused, TooLong, Unanswered
from pipeline.errors import ServiceUnavailable
from pipeline.model import Usage, WrittenQuestion

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletion

FORMATS = ("json_schema", "json_object with schema", "json_object", "none")
"""Ways to ask for JSON, the surest first; not every server takes the first."""


class Question(NamedTuple):
    """What is asked: the instructions, what they are about, and the form of the answer as JSON schema.

    ``tokens`` are those of question and answer, at most; ``answer`` is how many of them the answer may have.
    """

    system: str
    user: str | list[dict[str, Any]]
    schema: Mapping[str, object]
    tokens: int
    pages: int = 0
    answer: int = 0


class Chat:
    """Puts questions to one model; remembers which options it does not take.

    Args:
        caller: of the model's endpoint.
        structure: the first of ``FORMATS`` to be tried.
    """

    def __init__(self, caller: Caller, structure: str = FORMATS[0]) -> None:
        self._caller = caller
        self._format = FORMATS.index(structure)
        self._left_out: frozenset[str] = frozenset()
        self._proven = False

    @property
    def proven(self) -> bool:
        """Whether the model has answered, so that it is known which options it takes."""
        return self._proven

    def written(self, question: Question) -> WrittenQuestion:
        """The question as it is sent, for somebody else to send it."""
        return WrittenQuestion(json.dumps(self._request(question, "")), self._most(question))

    def answer(self, question: Question, check: Callable[[str], object]) -> str:
        """The model's answer.

        An answer that is refused or not usable is asked for once more, with the fault named.

        Args:
            question: what is asked.
            check: raises ``ValueError`` with a sentence about what is wrong with an answer.

        Raises:
            Unanswered: the second answer is not usable either.
            TooLong: question or answer is longer than the model can do.
        """
        try:
            return self._checked(question, "", check)
        except Unanswered as fault:
            return self._checked(question, fault.message, check)

    def _checked(self, question: Question, wrong: str, check: Callable[[str], object]) -> str:
        text = text_of(self._asked(question, wrong), self._caller.endpoint.name)
        try:
            check(text)
        except ValueError as fault:
            raise Unanswered(f"The answer of {self._caller.endpoint.model} is not usable: {fault}") from None
        return text

    def _asked(self, question: Question, wrong: str) -> "ChatCompletion":
        while True:
            try:
                answer = self._sent(question, wrong)
            except OptionRefused as fault:
                if not self._without(fault.option):
                    raise
            except ServiceUnavailable as fault:  # some servers break over a form of answer that they do not know
                if fault.code != "server_error" or self._proven or self._format + 1 == len(FORMATS):
                    raise
                return self._asked_otherwise(question, wrong, fault)
            else:
                self._proven = True
                return answer

    def _asked_otherwise(self, question: Question, wrong: str, fault: ServiceUnavailable) -> "ChatCompletion":
        usual, self._format = self._format, self._format + 1
        try:
            answer = self._sent(question, wrong)
        except (ServiceUnavailable, OptionRefused):
            self._format = usual
            raise fault from None
        self._proven = True
        return answer

    def _without(self, option: str) -> bool:
        """Ask without this option from now on; False if it was not asked for."""
        if option == "response_format" and self._format + 1 < len(FORMATS):
            self._format += 1
            return True
        if option == "response_format" or option in self._left_out:
            return False
        self._left_out |= {option}
        return True

    def _sent(self, question: Question, wrong: str) -> "ChatCompletion":
        request, most = self._request(question, wrong), self._most(question)

        def used(answer: "ChatCompletion") -> Usage:
            count = answer.usage
            return most._replace(input_tokens=count.prompt_tokens, output_tokens=count.completion_tokens) if count else most

        return self._caller.call(lambda client: completion(client.chat.completions.create(**request)), most, used)

    def _most(self, question: Question) -> Usage:
        endpoint, asked = self._caller.endpoint, question.tokens - question.answer
        return Usage(endpoint.name, endpoint.model, asked, question.answer, question.pages)

    def _request(self, question: Question, wrong: str) -> dict[str, Any]:
        endpoint = self._caller.endpoint
        messages: list[dict[str, object]] = [
            {"role": "system", "content": question.system},
            {"role": "user", "content": question.user},
        ]
        if wrong:
            messages.append({"role": "user", "content": f"{wrong} Answer again, with the JSON object alone."})
        request: dict[str, Any] = {"model": endpoint.model, "messages": messages}
        if self._format < len(FORMATS) - 1:
            request["response_format"] = _format(FORMATS[self._format], question.schema)
        if "temperature" not in self._left_out:
            request["temperature"] = 0
        if endpoint.output_tokens:
            old = "max_completion_tokens" in self._left_out
            request["max_tokens" if old else "max_completion_tokens"] = endpoint.output_tokens
        return request


def _format(name: str, schema: Mapping[str, object]) -> dict[str, object]:
    if name == "json_schema":
        return {"type": name, "json_schema": {"name": "answer", "strict": True, "schema": schema}}
    return {"type": "json_object"} | ({"schema": schema} if "schema" in name else {})


def completion(answer: "ChatCompletion") -> "ChatCompletion":
    """The answer, if it is one: some proxies answer with a page of HTML, and the client passes that on.

    Raises:
        ValueError: it is none.
    """
    if not getattr(answer, "choices", None):
        raise ValueError("no choices")
    return answer


def text_of(answer: "ChatCompletion", name: str) -> str:
    """What the endpoint of this name answered.

    Raises:
        TooLong: the answer is cut off.
        Unanswered: the model refuses.
    """
    choice = answer.choices[0]
    if choice.finish_reason == "length":
        raise TooLong(f"{name} cut its answer off.")
    if choice.finish_reason == "content_filter" or getattr(choice.message, "refusal", None):
        raise Unanswered(f"{name} refuses to read this text.", "refused")
    text = (choice.message.content or "").strip()
    return text.removeprefix("```json").removeprefix("```").removesuffix("```").strip()


def json_object(text: str) -> dict[str, Any]:
    """The JSON object that an answer is.

    Raises:
        ValueError: it is none; says why in a sentence that holds nothing of the text.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("it is not valid JSON.") from None
    if not isinstance(value, dict):
        raise ValueError("it is not a JSON object.")  # noqa: TRY004  # one kind of fault for whoever checks an answer
    return value
