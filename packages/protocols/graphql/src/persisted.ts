/** Documents known beforehand: those that clients were built with, which name them by the hash of their text. */
import { createHash } from 'node:crypto'
import { GraphQLError } from 'graphql'
import type { Documents } from './documents.ts'

/** What a request says of its document, whatever else it says. */
type Asked = Readonly<Record<string, unknown>>

export type KnownDocuments = {
  /** A request with the text of the document that it names. @throws {GraphQLError} when that is not known */
  readonly complete: <Given extends Asked>(given: Given) => Given
  /** @throws {GraphQLError} when only known documents are taken, and this is none */
  readonly check: (text: string) => void
}

/**
 * @param texts undefined: whatever is asked is taken
 * @throws {TypeError} for one that the schema does not fit
 */
export function knownDocuments(texts: readonly string[] | undefined, { parse, judge }: Documents): KnownDocuments {
  for (const text of texts ?? []) {
    const wrong = errorIn(() => judge(parse(text))[0])
    if (wrong !== undefined)
      throw new TypeError(
        `Cannot take the known document "${text.trim().slice(0, 80)}": ${wrong.message}; draw it from the schema anew`,
      )
  }
  const byHash = new Map(texts?.map((text) => [createHash('sha256').update(text).digest('hex'), text]))
  const all = new Set(texts)
  return {
    complete: (given) => {
      const hash = given['query'] === undefined || given['query'] === '' ? hashIn(given) : undefined
      if (hash === undefined) return given
      if (texts === undefined)
        throw refusal('NOT_SUPPORTED', 'Cannot look for a document by its hash: none are known here; send its text as "query"')
      const query = byHash.get(hash)
      if (query === undefined)
        throw refusal('NOT_FOUND', `Cannot find the document "${hash.slice(0, 80)}": it is not among those known here`)
      return { ...given, query }
    },
    check: (text) => {
      if (texts !== undefined && !all.has(text))
        throw refusal('NOT_FOUND', 'Cannot take the document: only those are taken that were made known when the door opened')
    },
  }
}

/** As Apollo's clients name them, who send the text when they hear one of these; and as GraphQL over HTTP does. */
function hashIn({ documentId, extensions }: Asked): string | undefined {
  if (typeof documentId === 'string') return documentId.replace(/^sha256:/, '')
  const { persistedQuery } = (extensions ?? {}) as { readonly persistedQuery?: { readonly sha256Hash?: unknown } | null }
  return typeof persistedQuery?.sha256Hash === 'string' ? persistedQuery.sha256Hash : undefined
}

const refusal = (what: 'NOT_FOUND' | 'NOT_SUPPORTED', message: string): GraphQLError =>
  new GraphQLError(message, { extensions: { code: `PERSISTED_QUERY_${what}` } })

function errorIn(work: () => GraphQLError | undefined): Error | undefined {
  try {
    return work()
  } catch (error) {
    return error as Error
  }
}
