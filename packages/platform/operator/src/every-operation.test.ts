import assert from 'node:assert/strict'
import { test } from 'node:test'
import { shop } from './office.test-support.ts'
import { desk, type Desk } from './operator.test-support.ts'
import { operatorParts, routesPart, sessionsPart, type OperatorContract, type OperatorOperation } from './operator.ts'

type Place = { readonly path: string; readonly operation: OperatorOperation }
type Refusal = {
  readonly what: string
  readonly of: (operation: OperatorOperation) => boolean
  readonly request: RequestInit
  readonly query?: string
  readonly status: number
  readonly code: string
}

const [OPERATOR, VIEWER] = [{ 'x-test': 'ida operator' }, { 'x-test': 'vi viewer' }]
const JSON_TYPE = { 'content-type': 'application/json' }
const REASON = { 'x-dure-reason': 'A test' }
const isStream = ({ kind }: OperatorOperation): boolean => kind === 'stream'
const post = (headers: Readonly<Record<string, string>>, body = '{}'): RequestInit => ({
  method: 'POST',
  headers: { ...JSON_TYPE, ...headers },
  body,
})

/** What is refused of each operation, whatever it does; none of it begins. */
const REFUSALS: readonly Refusal[] = [
  { what: 'nobody, by POST', of: () => true, request: post(REASON), status: 401, code: 'UNAUTHENTICATED' },
  { what: 'nobody, by GET', of: () => true, request: {}, status: 401, code: 'UNAUTHENTICATED' },
  {
    ...{ what: 'a viewer, of what is for operators', of: ({ kind, role }) => kind !== 'stream' && role === 'operator' },
    ...{ request: post({ ...VIEWER, ...REASON }), status: 403, code: 'PERMISSION_DENIED' },
  },
  {
    ...{ what: 'a viewer, of a stream for operators', of: (one) => isStream(one) && one.role === 'operator' },
    ...{ request: { headers: VIEWER }, status: 403, code: 'PERMISSION_DENIED' },
  },
  {
    ...{ what: 'no reason', of: ({ reason }) => reason, request: post(OPERATOR) },
    ...{ status: 400, code: 'INVALID_ARGUMENT' },
  },
  {
    ...{ what: 'an input that is no object', of: (one) => !isStream(one), request: post({ ...OPERATOR, ...REASON }, '"all"') },
    ...{ status: 400, code: 'INVALID_ARGUMENT' },
  },
  {
    ...{ what: 'an input of a stream that is no object', of: isStream, request: { headers: OPERATOR }, query: '?input="all"' },
    ...{ status: 400, code: 'INVALID_ARGUMENT' },
  },
  {
    ...{ what: 'no JSON', of: (one) => !isStream(one), request: post({ ...OPERATOR, ...REASON }, '{') },
    ...{ status: 400, code: 'INVALID_ARGUMENT' },
  },
  {
    ...{
      what: 'a form of a page',
      of: () => true,
      request: { method: 'POST', headers: OPERATOR, body: new URLSearchParams('a=1') },
    },
    ...{ status: 415, code: 'INVALID_ARGUMENT' },
  },
  {
    ...{ what: 'a stream by POST', of: isStream, request: post(OPERATOR), status: 501, code: 'UNIMPLEMENTED' },
  },
  {
    ...{ what: 'what is no stream by GET', of: (one) => !isStream(one), request: { headers: OPERATOR } },
    ...{ status: 501, code: 'UNIMPLEMENTED' },
  },
  ...['PUT', 'DELETE', 'PATCH'].map((method): Refusal => ({
    what: method,
    of: () => true,
    request: { method, headers: OPERATOR },
    status: 405,
    code: 'UNIMPLEMENTED',
  })),
]

const codeOf = ({ body }: Awaited<ReturnType<Desk['send']>>): string | undefined =>
  (body as { readonly error?: { readonly code: string } }).error?.code

test('every operation of operators is refused alike over HTTP, and what is asked of it is answered or refused in words', async (t) => {
  const parts = [...operatorParts, sessionsPart({ endAll: async () => {} }), routesPart([])]
  const { send, ask } = await desk(t, { ...shop(), parts })
  const { body } = await send('/api/operator', { headers: VIEWER })
  const places = (body as { readonly contracts: readonly OperatorContract[] }).contracts.flatMap(({ name, operations }) =>
    operations.map((operation): Place => ({ path: `/api/operator/${name}/${operation.name}`, operation })),
  )
  const declared = parts.flatMap(({ contract: { name, operations } }) =>
    Object.keys(operations).map((operation) => `/api/operator/${name}/${operation}`),
  )
  assert.deepEqual(places.map(({ path }) => path).toSorted(), declared.toSorted())

  const wrong: string[] = []
  for (const { what, of, request, query = '', status, code } of REFUSALS) {
    const asked = places.filter(({ operation }) => of(operation))
    assert.ok(asked.length > 0 || what.includes('stream for operators'), `nothing is asked of: ${what}`)
    for (const { path } of asked) {
      const answer = await send(path + query, request)
      if (answer.status !== status || codeOf(answer) !== code) wrong.push(`${path}: ${what}: ${JSON.stringify(answer)}`)
    }
  }
  assert.deepEqual(wrong, [])
  assert.deepEqual(await ask('audit', 'list'), [], 'nothing was begun')

  // With nothing in it a question is answered, or says what it lacks: no failure of the system's own.
  const failed: string[] = []
  for (const { path, operation } of places.filter(({ operation: { kind } }) => kind === 'query')) {
    const answer = await send(path, post(OPERATOR))
    const lacks = ((operation.input as { readonly required?: readonly string[] } | undefined)?.required ?? []).length > 0
    const expected = lacks ? /^INVALID_ARGUMENT$/ : /^(?:undefined|FAILED_PRECONDITION|UNAVAILABLE|NOT_FOUND)$/
    if (!expected.test(String(codeOf(answer)))) failed.push(`${path}: ${JSON.stringify(answer)}`)
  }
  assert.deepEqual(failed, [])
})
