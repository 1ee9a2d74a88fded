/** What a request over HTTP asks, with the text of a document that it only names. */
import { parseRequestParams, type Request, type RequestParams, type Response } from 'graphql-http'
import type { KnownDocuments } from './persisted.ts'

/** @throws {Error} that says what of it cannot be read; {GraphQLError} for a document that is not known */
export async function paramsOf<Raw, Context>(
  request: Request<Raw, Context>,
  { complete }: KnownDocuments,
): Promise<RequestParams | Response> {
  if (typeof request.body === 'string') {
    const given = jsonOf(request.body)
    // What is no object is told so by the library.
    return parseRequestParams(isRecord(given) ? { ...request, body: complete(given) } : request)
  }
  const at = request.url.indexOf('?')
  const search = new URLSearchParams(at === -1 ? '' : request.url.slice(at))
  const { query } = complete({
    ...(search.has('query') && { query: search.get('query')! }),
    ...{ documentId: search.get('documentId'), extensions: jsonOf(search.get('extensions') ?? 'null') },
  } as { readonly query?: string })
  if (query !== undefined) search.set('query', query)
  return parseRequestParams({ ...request, url: `?${search.toString()}` })
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
