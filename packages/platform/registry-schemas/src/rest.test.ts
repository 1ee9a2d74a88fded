import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asking, object, record, started, temporary, type Answer } from './registry.test-support.ts'

const ID = { name: 'id', type: 'string' }
const first = record(ID)
const second = record(ID, { name: 'note', type: ['null', 'string'], default: null })
const breaking = record(ID, { name: 'count', type: 'int' })
const codeOf = ({ status, body }: Answer): readonly unknown[] => [status, (body as { error_code?: number }).error_code]

test('schemas are registered, found by id, by version and by what they say', async (t) => {
  const { ask } = await started(t)
  const { status, body, type } = await ask('POST /subjects/order-value/versions', { schema: first })
  assert.deepEqual([status, (body as { id: number }).id], [200, 1])
  assert.equal(type, 'application/vnd.schemaregistry.v1+json')
  const again = JSON.stringify(
    { fields: [{ type: { type: 'string' }, name: 'id' }], name: 'Order', type: 'record' },
    undefined,
    2,
  )
  assert.equal(((await ask('POST /subjects/order-value/versions', { schema: again })).body as { id: number }).id, 1)
  assert.equal(((await ask('POST /subjects/order-value/versions', { schema: second })).body as { id: number }).id, 2)
  assert.deepEqual((await ask('GET /subjects/order-value/versions')).body, [1, 2])
  assert.deepEqual((await ask('GET /subjects')).body, ['order-value'])
  assert.deepEqual((await ask('GET /schemas/ids/2')).body, { schema: second })
  assert.deepEqual((await ask('GET /schemas/ids/2/schema')).body, JSON.parse(second))
  const latest = { subject: 'order-value', version: 2, id: 2, schema: second }
  for (const version of ['2', 'latest', '-1'])
    assert.deepEqual((await ask(`GET /subjects/order-value/versions/${version}`)).body, latest)
  assert.deepEqual((await ask('POST /subjects/order-value', { schema: again })).body, {
    subject: 'order-value',
    version: 1,
    id: 1,
    schema: first,
  })
  // Under another subject it has the same id.
  await ask('POST /subjects/a%2Fb/versions', { schema: second })
  assert.deepEqual((await ask('GET /schemas/ids/2/versions')).body, [
    { subject: 'a/b', version: 1 },
    { subject: 'order-value', version: 2 },
  ])
  assert.deepEqual((await ask('GET /schemas/ids/2/subjects')).body, ['a/b', 'order-value'])
  assert.deepEqual((await ask('GET /schemas/types')).body, ['JSON', 'AVRO'])
  const json = { schemaType: 'JSON', schema: object({ id: { type: 'string' } }) }
  const { id } = (await ask('POST /subjects/json/versions', json)).body as { id: number }
  assert.deepEqual((await ask(`GET /schemas/ids/${id}`)).body, json)
})

test('each level asks what it says, of the last version or of all', async (t) => {
  const { ask } = await started(t)
  const levels = { none: [1, 1, 1], backward: [1, 0, 1], forward: [0, 1, 1], full: [0, 0, 1] }
  const versions = [
    record(ID),
    record(ID, { name: 'count', type: 'int' }),
    record(ID, { name: 'count', type: 'int', default: 0 }),
  ] as const
  for (const [level, [less, more, optional]] of Object.entries(levels)) {
    await ask(`PUT /config/${level}`, { compatibility: level })
    await ask(`POST /subjects/${level}/versions`, { schema: versions[1] })
    const asked = async (schema: string, subject: string): Promise<boolean> => {
      const { body } = await ask(`POST /compatibility/subjects/${subject}/versions/latest`, { schema })
      return (body as { is_compatible: boolean }).is_compatible
    }
    assert.deepEqual([await asked(versions[0], level), await asked(versions[2], level)], [less === 1, optional === 1], level)
    await ask(`PUT /config/${level}-2`, { compatibility: level })
    await ask(`POST /subjects/${level}-2/versions`, { schema: versions[0] })
    assert.equal(await asked(versions[1], `${level}-2`), more === 1, level)
  }
  // Step by step a field goes and comes back as another one: only all versions together refuse that.
  const text = record(ID, { name: 'at', type: 'string', default: '' })
  for (const level of ['BACKWARD', 'BACKWARD_TRANSITIVE', 'FULL_TRANSITIVE', 'FORWARD_TRANSITIVE']) {
    await ask('PUT /config', { compatibility: level })
    for (const schema of [text, record(ID)]) await ask(`POST /subjects/${level}/versions`, { schema })
    const { status, body } = await ask(`POST /subjects/${level}/versions`, {
      schema: record(ID, { name: 'at', type: 'int', default: 0 }),
    })
    assert.equal(status, level === 'BACKWARD' ? 200 : 409)
    if (status === 409) assert.match((body as { message: string }).message, /version 1: cannot read/)
  }
  await ask('PUT /config', { compatibility: 'BACKWARD' })
  const verbose = await ask('POST /compatibility/subjects/BACKWARD/versions?verbose=true', { schema: breaking })
  assert.deepEqual((verbose.body as { is_compatible: boolean }).is_compatible, false)
  assert.match(String((verbose.body as { messages: string[] }).messages[0]), /does not read version 3: .*count/)
  assert.deepEqual((await ask('POST /compatibility/subjects/new/versions', { schema: breaking })).body, { is_compatible: true })
})

test('JSON Schema is compared as contracts are', async (t) => {
  const { ask } = await started(t)
  const register = (properties: object, more?: object): Promise<Answer> =>
    ask('POST /subjects/json/versions', { schemaType: 'JSON', schema: object(properties, more) })
  await register({ id: { type: 'string' } }, { required: ['id'] })
  assert.equal((await register({ id: { type: 'string' }, note: { type: 'string' } }, { required: ['id'] })).status, 200)
  const refused = await register({ id: { type: 'integer' } }, { required: ['id', 'at'] })
  assert.deepEqual(codeOf(refused), [409, 409])
  const { message } = refused.body as { message: string }
  assert.match(
    message,
    /does not read version 2: "at" is required, and never written; .*"id" is written as string, and read as integer/,
  )
  const avro = await ask('POST /subjects/json/versions', { schema: first })
  assert.match(String((avro.body as { message: string }).message), /version 2 is JSON and this is AVRO/)
})

test('levels are asked, set and taken back, for all and for one subject', async (t) => {
  const { ask } = await started(t)
  assert.deepEqual((await ask('GET /config')).body, { compatibilityLevel: 'BACKWARD' })
  assert.deepEqual(codeOf(await ask('GET /config/a')), [404, 40408])
  assert.deepEqual((await ask('GET /config/a?defaultToGlobal=true')).body, { compatibilityLevel: 'BACKWARD' })
  assert.deepEqual((await ask('PUT /config', { compatibility: 'full' })).body, { compatibility: 'FULL' })
  assert.deepEqual((await ask('PUT /config/a', { compatibility: 'NONE' })).body, { compatibility: 'NONE' })
  assert.deepEqual((await ask('GET /config/a')).body, { compatibilityLevel: 'NONE' })
  assert.deepEqual((await ask('DELETE /config/a')).body, { compatibilityLevel: 'NONE' })
  assert.deepEqual(codeOf(await ask('DELETE /config/a')), [404, 40408])
  assert.deepEqual((await ask('DELETE /config')).body, { compatibilityLevel: 'FULL' })
  assert.deepEqual((await ask('GET /config')).body, { compatibilityLevel: 'BACKWARD' })
  assert.deepEqual(codeOf(await ask('PUT /config', { compatibility: 'most' })), [422, 42203])
})

test('versions are deleted softly, then for good, and no id comes again', async (t) => {
  const { ask } = await started(t)
  for (const schema of [first, second]) await ask('POST /subjects/a/versions', { schema })
  assert.deepEqual(codeOf(await ask('DELETE /subjects/a/versions/1?permanent=true')), [404, 40407])
  assert.deepEqual((await ask('DELETE /subjects/a/versions/1')).body, 1)
  assert.deepEqual(codeOf(await ask('DELETE /subjects/a/versions/1')), [404, 40406])
  assert.deepEqual((await ask('GET /subjects/a/versions')).body, [2])
  assert.deepEqual((await ask('GET /subjects/a/versions?deleted=true')).body, [1, 2])
  // Who has a message of it can still read it.
  assert.deepEqual((await ask('GET /schemas/ids/1')).body, { schema: first })
  assert.deepEqual((await ask('POST /subjects/a/versions', { schema: first })).body, { id: 1, version: 3, schema: first })
  assert.deepEqual(codeOf(await ask('DELETE /subjects/a?permanent=true')), [404, 40405])
  assert.deepEqual((await ask('DELETE /subjects/a')).body, [2, 3])
  assert.deepEqual(codeOf(await ask('DELETE /subjects/a')), [404, 40404])
  assert.deepEqual(codeOf(await ask('GET /subjects/a/versions')), [404, 40401])
  assert.deepEqual((await ask('GET /subjects?deleted=true')).body, ['a'])
  assert.deepEqual((await ask('DELETE /subjects/a?permanent=true')).body, [1, 2, 3])
  assert.deepEqual((await ask('GET /subjects?deleted=true')).body, [])
  assert.deepEqual(codeOf(await ask('GET /schemas/ids/1')), [404, 40403])
  assert.deepEqual((await ask('POST /subjects/a/versions', { schema: first })).body, { id: 3, version: 1, schema: first })
})

test('what is wrong is told by the code that clients know', async (t) => {
  const { ask, url } = await started(t)
  await ask('POST /subjects/a/versions', { schema: first })
  const said: Readonly<Record<string, readonly [unknown, number]>> = {
    'GET /subjects/b/versions': [undefined, 40401],
    'GET /subjects/a/versions/7': [undefined, 40402],
    'GET /subjects/a/versions/x': [undefined, 42202],
    'GET /subjects/a/versions/0': [undefined, 42202],
    'GET /schemas/ids/9': [undefined, 40403],
    'GET /schemas/ids/none': [undefined, 40403],
    'POST /subjects/b': [{ schema: first }, 40401],
    'POST /subjects/a': [{ schema: second }, 40403],
    'POST /compatibility/subjects/b/versions/latest': [{ schema: first }, 40401],
    'POST /compatibility/subjects/a/versions/9': [{ schema: first }, 40402],
    'GET /nothing': [undefined, 404],
    'POST /subjects/%01/versions': [{ schema: first }, 42208],
  }
  for (const [route, [body, code]] of Object.entries(said)) {
    const answer = await ask(route, body)
    assert.deepEqual(codeOf(answer), [code > 999 ? Math.floor(code / 100) : code, code], route)
    assert.equal(typeof (answer.body as { message: unknown }).message, 'string')
  }
  const wrong: readonly (readonly [unknown, number, RegExp])[] = [
    ['{"schema": ', 400, /not JSON/],
    ['[]', 400, /JSON object/],
    ['', 400, /JSON object/],
    [{ schema: '' }, 42201, /not empty/],
    [{ schema: 5 }, 42201, /text of a schema/],
    [{ schema: '{' }, 42201, /not JSON/],
    [{ schema: '{"type":"rekord"}' }, 42201, /rekord/],
    [{ schema: first, schemaType: 'PROTOBUF' }, 42201, /"PROTOBUF" is not served; use JSON or AVRO/],
    [{ schema: first, references: [{ name: 'x', subject: 'y', version: 1 }] }, 42201, /references/],
    [{ schemaType: 'JSON', schema: '{"type":"strong"}' }, 42201, /type/],
    [{ schemaType: 'JSON', schema: '{"$ref":"other.json"}' }, 42201, /leads nowhere/],
    [{ schemaType: 'JSON', schema: '{"$schema":"http://json-schema.org/draft-04/schema#"}' }, 42201, /draft-04/],
    [{ schemaType: 'JSON', schema: '5' }, 42201, /object/],
    [{ schemaType: 'JSON', schema: `${'{"items":'.repeat(5_000)}{}${'}'.repeat(5_000)}` }, 42201, /100 levels/],
  ]
  for (const [body, code, message] of wrong) {
    const answer = await ask('POST /subjects/c/versions', body)
    assert.deepEqual(codeOf(answer), [code > 999 ? Math.floor(code / 100) : code, code], JSON.stringify(body).slice(0, 80))
    assert.match((answer.body as { message: string }).message, message)
  }
  const xml = await fetch(`${url}/subjects/c/versions`, { method: 'POST', headers: { 'content-type': 'text/xml' }, body: '<a/>' })
  assert.equal(xml.status, 415)
  assert.deepEqual((await ask('GET /subjects')).body, ['a'])
})

test('a body of 10 MB is refused, and the registry goes on', async (t) => {
  const { ask } = await started(t)
  const huge = await ask('POST /subjects/a/versions', { schema: JSON.stringify({ type: 'string', doc: 'x'.repeat(10_000_000) }) })
  assert.deepEqual(codeOf(huge), [413, 413])
  assert.equal((await ask('POST /subjects/a/versions', { schema: first })).status, 200)
})

test('registrations that race give one id, and one version', async (t) => {
  const { ask } = await started(t)
  const ids = async (subjects: readonly string[]): Promise<Set<number>> =>
    new Set(
      await Promise.all(
        subjects.map(
          async (each) => ((await ask(`POST /subjects/${each}/versions`, { schema: first })).body as { id: number }).id,
        ),
      ),
    )
  assert.deepEqual([...(await ids(Array.from({ length: 40 }, () => 'a')))], [1])
  assert.deepEqual((await ask('GET /subjects/a/versions')).body, [1])
  assert.equal((await ids(Array.from({ length: 40 }, (_, at) => `s${at}`))).size, 1)
  // Two that exclude each other: one of them is first.
  const both = [record(ID, { name: 'x', type: 'int' }), record(ID, { name: 'y', type: 'int' })]
  const answers = await Promise.all(both.map((schema) => ask('POST /subjects/two/versions', { schema })))
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 409])
})

test('a restart keeps all, and the address is free for the next one', async (t) => {
  const directory = temporary(t)
  const before = await started(t, { directory })
  await before.ask('POST /subjects/a/versions', { schema: first })
  await before.ask('PUT /config/a', { compatibility: 'FULL' })
  await assert.rejects(started(t, { directory }), /has it open already/)
  await before.stop()
  const port = Number(new URL(before.url).port)
  const { ask } = await started(t, { directory, port })
  assert.deepEqual((await ask('GET /subjects/a/versions/latest')).body, { subject: 'a', version: 1, id: 1, schema: first })
  assert.deepEqual((await ask('GET /config/a')).body, { compatibilityLevel: 'FULL' })
  await assert.rejects(started(t, { port }), /Cannot open the schema registry on 127\.0\.0\.1:\d+: .*choose another port/)
  assert.equal((await asking(before.url)('GET /')).status, 200)
})
