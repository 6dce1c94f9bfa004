// The texts of the element by language. `{n}`, `{query}` and `{title}` stand for values.

import type { SearchMessages } from "../../types/site-element.js";

const NAMES = [
  "search",
  "placeholder",
  "close",
  "results",
  "count",
  "nothing",
  "failed",
  "missing",
  "rerank",
  "savesData",
  "loading",
  "reranked",
  "showReranked",
  "notReranked",
  "first",
  "all",
] as const satisfies (keyof SearchMessages)[];

/** In the order of the names, one a line. */
const TEXTS: Record<string, string> = {
  en: `Search
Words or a question
Close
Results
Results: {n}
Nothing was found for “{query}”.
The search does not work:
A part of the index could not be loaded, so results may be missing.
Best answers first
off, because this browser saves data
The model is loading
Reranked
Show the best answers first
Not ordered by answers:
First: {title}
All`,
  de: `Suchen
Wörter oder eine Frage
Schließen
Ergebnisse
Ergebnisse: {n}
Zu „{query}“ wurde nichts gefunden.
Die Suche funktioniert nicht:
Ein Teil des Index konnte nicht geladen werden, deshalb können Ergebnisse fehlen.
Beste Antworten zuerst
aus, weil dieser Browser Daten spart
Das Modell wird geladen
Neu geordnet
Beste Antworten zuerst zeigen
Nicht nach Antworten geordnet:
Erstes: {title}
Alle`,
  fr: `Rechercher
Des mots ou une question
Fermer
Résultats
Résultats : {n}
Aucun résultat pour « {query} ».
La recherche ne fonctionne pas :
Une partie de l’index n’a pas pu être chargée ; il peut manquer des résultats.
Meilleures réponses en premier
désactivé, car ce navigateur économise les données
Le modèle se charge
Reclassé
Afficher les meilleures réponses en premier
Non trié par réponses :
Premier : {title}
Tous`,
  es: `Buscar
Palabras o una pregunta
Cerrar
Resultados
Resultados: {n}
No se ha encontrado nada para «{query}».
La búsqueda no funciona:
No se ha podido cargar una parte del índice, por lo que pueden faltar resultados.
Mejores respuestas primero
desactivado, porque este navegador ahorra datos
El modelo se está cargando
Reordenado
Mostrar primero las mejores respuestas
Sin ordenar por respuestas:
Primero: {title}
Todos`,
  it: `Cerca
Parole o una domanda
Chiudi
Risultati
Risultati: {n}
Nessun risultato per «{query}».
La ricerca non funziona:
Non è stato possibile caricare una parte dell’indice, quindi possono mancare risultati.
Prima le risposte migliori
disattivato, perché questo browser risparmia dati
Il modello si sta caricando
Riordinato
Mostra prima le risposte migliori
Non ordinato per risposte:
Primo: {title}
Tutti`,
  pt: `Pesquisar
Palavras ou uma pergunta
Fechar
Resultados
Resultados: {n}
Nada foi encontrado para “{query}”.
A pesquisa não funciona:
Não foi possível carregar uma parte do índice, por isso podem faltar resultados.
Melhores respostas primeiro
desativado, porque este navegador poupa dados
O modelo está a carregar
Reordenado
Mostrar primeiro as melhores respostas
Não ordenado por respostas:
Primeiro: {title}
Todos`,
  nl: `Zoeken
Woorden of een vraag
Sluiten
Resultaten
Resultaten: {n}
Niets gevonden voor “{query}”.
Het zoeken werkt niet:
Een deel van de index kon niet worden geladen; er kunnen resultaten ontbreken.
Beste antwoorden eerst
uit, omdat deze browser data bespaart
Het model wordt geladen
Herordend
Toon de beste antwoorden eerst
Niet op antwoorden geordend:
Eerste: {title}
Alle`,
  ja: `検索
単語または質問
閉じる
検索結果
検索結果：{n}件
「{query}」に一致するものはありません。
検索できません：
索引の一部を読み込めなかったため、結果が欠けている可能性があります。
最適な回答を先頭に表示
データ節約モードのためオフ
モデルを読み込んでいます
並べ替え済み
最適な回答を先頭に表示する
回答順に並べ替えられません：
先頭：{title}
すべて`,
  zh: `搜索
关键词或问题
关闭
搜索结果
搜索结果：{n}
没有找到与“{query}”相关的内容。
搜索无法使用：
索引的一部分无法加载，结果可能不完整。
最佳答案优先
已关闭，因为此浏览器正在节省流量
正在加载模型
已重新排序
优先显示最佳答案
未按答案排序：
第一条：{title}
全部`,
  ar: `بحث
كلمات أو سؤال
إغلاق
النتائج
عدد النتائج: {n}
لا توجد نتائج لـ «{query}».
البحث لا يعمل:
تعذّر تحميل جزء من الفهرس، لذلك قد تكون بعض النتائج ناقصة.
أفضل الإجابات أولًا
متوقف لأن هذا المتصفح يوفّر البيانات
يجري تحميل النموذج
أُعيد الترتيب
عرض أفضل الإجابات أولًا
غير مرتبة حسب الإجابات:
الأولى: {title}
الكل`,
};

/** The texts in a language, such as `de-CH`, or in English. */
export function messagesIn(language: string): SearchMessages {
  const texts = TEXTS[language.toLowerCase().split("-")[0]!] ?? TEXTS.en!;
  const lines = texts.split("\n");
  return Object.fromEntries(NAMES.map((name, i) => [name, lines[i]!])) as Record<
    keyof SearchMessages,
    string
  >;
}

/** Puts values into a text. */
export function fill(text: string, values: Record<string, string | number>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}
