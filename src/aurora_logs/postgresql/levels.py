"""The words by which a server names a message's level and its folded lines, in every language of its catalogues."""

# Words of log-formats.md §5.2, as measured in the message catalogues; a word means the same in every language here.
_MAIN_WORDS = {
    "DEBUG": "DEBUG1 DEBUG2 DEBUG3 DEBUG4 DEBUG5",
    "INFO": "INFO",
    "NOTICE": "NOTICE HINWEIS NOTIFICA 알림 ЗАМЕЧАНИЕ NOTIS 注意 ПОВІДОМЛЕННЯ",
    "WARNING": "WARNING WARNUNG ATTENTION ATTENZIONE 경고 ПРЕДУПРЕЖДЕНИЕ VARNING 警告 ПОПЕРЕДЖЕННЯ",
    "ERROR": "ERROR FEHLER ERREUR ERRORE 오류 ОШИБКА FEL 错误 ПОМИЛКА",
    "LOG": "LOG 로그 СООБЩЕНИЕ LOGG 日志 ЗАПИСУВАННЯ",
    "FATAL": "FATAL FATALE 치명적오류 ВАЖНО FATALT 致命错误 ФАТАЛЬНО",
    "PANIC": "PANIC PANIK PANICO 손상 ПАНИКА 比致命错误还过分的错误 ПАНІКА",
}
_SUB_WORDS = {
    "DETAIL": "DETAIL DETALLE DÉTAIL DETTAGLI 詳細 상세정보 ПОДРОБНОСТИ DETALJ 详细信息 ВІДОМОСТІ",
    "HINT": "HINT TIPP ASTUCE SUGGERIMENTO ヒント 힌트 ПОДСКАЗКА TIPS 提示 УКАЗІВКА",
    "QUERY": "QUERY ANFRAGE CONSULTA REQUÊTE 問い合わせ 쿼리 ЗАПРОС FRÅGA 查询 ЗАПИТ",
    "CONTEXT": "CONTEXT ZUSAMMENHANG CONTEXTO CONTEXTE CONTESTO 文脈 내용 КОНТЕКСТ KONTEXT 上下文",
    "STATEMENT": "STATEMENT ANWEISUNG SENTENCIA INSTRUCTION ISTRUZIONE 文 명령_구문 ОПЕРАТОР SATS 语句 ІНСТРУКЦІЯ",
    "LOCATION": "LOCATION ORT UBICACIÓN EMPLACEMENT POSIZIONE 場所 위치 ПОЛОЖЕНИЕ PLATS 位置",
    "BACKTRACE": "BACKTRACE",
}


def _meanings(words: dict[str, str]) -> dict[bytes, str]:
    return {word.replace("_", " ").encode(): name for name, row in words.items() for word in row.split()}


MAIN_LEVELS = _meanings(_MAIN_WORDS)
SUB_LEVELS = _meanings(_SUB_WORDS)
SEVERITIES = {"DEBUG": 5, "INFO": 9, "LOG": 9, "NOTICE": 10, "WARNING": 13, "ERROR": 17, "FATAL": 21, "PANIC": 24}
UNKNOWN = {
    word.encode()
    for word in "[unknown] [unbekannt] [desconocido] [inconnu] [sconosciuto] [不明] [알수없음] [н/д] [okänd] [未知]".split()
}
