/** Interactions that a test has seen, as a Pact V4 file. */
import { readPact, type Pact, type State } from './read.ts'

/** A rule as it stands in a file, by the path that it is for. */
export type WrittenRules = Readonly<Record<string, Readonly<Record<string, unknown>>>>

export type WrittenInteraction = {
  readonly description: string
  readonly states: readonly State[]
  readonly test: string | undefined
} & (
  | {
      readonly kind: 'http'
      readonly request: {
        readonly method: string
        readonly path: string
        readonly query: Readonly<Record<string, readonly string[]>>
        /** JSON; undefined: none. */
        readonly body: unknown
      }
      /** `type`: of the body; undefined: nothing is expected of it. */
      readonly response: {
        readonly status: number
        readonly type: string | undefined
        readonly body: unknown
        readonly rules: WrittenRules
      }
    }
  | {
      readonly kind: 'message'
      readonly metadata: Readonly<Record<string, string>>
      readonly contents: unknown
      readonly rules: WrittenRules
    }
)

/**
 * The text of a pact file, the same for the same interactions.
 * @throws {PactError} when it would contradict itself
 */
export function pactText(names: Pick<Pact, 'consumer' | 'provider'>, interactions: readonly WrittenInteraction[]): string {
  const { consumer, provider } = names
  const json = {
    consumer: { name: consumer },
    provider: { name: provider },
    interactions: interactions.map(written),
    metadata: { pactSpecification: { version: '4.0' } },
  }
  const text = `${JSON.stringify(json, undefined, 2)}\n`
  // What is not read here nobody else could rely on.
  readPact(text, `${consumer}-${provider}`)
  return text
}

function written(one: WrittenInteraction): object {
  const { description, states, test } = one
  const about = {
    description,
    key: [description, ...states.map(({ name }) => name)].join(', '),
    pending: false,
    ...(states.length > 0 && {
      providerStates: states.map(({ name, params }) => ({ name, ...(Object.keys(params).length > 0 && { params }) })),
    }),
    ...(test !== undefined && { comments: { testname: test, text: [] } }),
  }
  if (one.kind === 'message') {
    const { metadata, contents, rules } = one
    return {
      type: 'Asynchronous/Messages',
      ...about,
      metadata: { contentType: JSON_TYPE, ...metadata },
      contents: bodyOf(JSON_TYPE, contents),
      matchingRules: { body: ruleLists(rules) },
    }
  }
  const { request, response } = one
  return {
    type: 'Synchronous/HTTP',
    ...about,
    request: {
      method: request.method,
      path: request.path,
      ...(Object.keys(request.query).length > 0 && { query: request.query }),
      ...(request.body !== undefined && { headers: { 'content-type': [JSON_TYPE] }, body: bodyOf(JSON_TYPE, request.body) }),
    },
    response: {
      status: response.status,
      ...(response.type !== undefined && {
        headers: { 'content-type': [response.type] },
        body: bodyOf(response.type, response.body),
        matchingRules: { body: ruleLists(response.rules) },
      }),
    },
  }
}

const JSON_TYPE = 'application/json'

function bodyOf(contentType: string, content: unknown): object {
  return { contentType, encoded: false, content }
}

function ruleLists(rules: WrittenRules): object {
  return Object.fromEntries(Object.entries(rules).map(([path, rule]) => [path, { combine: 'AND', matchers: [rule] }]))
}
