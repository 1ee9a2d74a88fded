import assert from 'node:assert/strict'
import { test } from 'node:test'
import { started } from '../collector.test-support.ts'
import { batch, exception, span } from '../record.test-support.ts'

const id = (name: string, number: number): string => Buffer.from(`${name}${number}`.padEnd(16, '.')).toString('hex')

test('two builds: how long operations took, errors that are new, edges that are new', async (t) => {
  const collector = await started(t)
  const ask = async (place: string, input: object = {}) => {
    const { status, json } = await collector.post(`/api/operator/builds/${place}`, JSON.stringify(input))
    return status === 200 ? json.value : { status, ...json.error }
  }
  const now = Date.now()
  const of = (version: string) => ({ resource: { 'service.name': 'orders', 'service.version': version } })
  // A hundred calls of each: the new build is slower, fails at times, and asks the mail service.
  const spans = ['1.4.0', '1.5.0'].flatMap((version, build) =>
    Array.from({ length: 100 }, (_, i) => {
      const traceId = id(version, i)
      const place = { traceId, start: now + build * 1_000 + i, duration: (i + 1) * (build + 1), failed: build === 1 && i < 7 }
      const asks = { traceId, service: 'mail', name: 'mail.send', spanId: 'c1'.repeat(8), parentId: 'b1'.repeat(8) }
      return [
        span({ ...place, ...of(version) }),
        ...(build === 1
          ? [span({ ...asks, start: place.start, resource: { 'service.name': 'mail', 'service.version': '9' } })]
          : []),
      ]
    }).flat(),
  )
  const said = (version: string, fingerprint: string, time: number) => exception({ version, fingerprint, time })
  await collector.intake.take(
    'otlp',
    batch({
      spans: [...spans, span({ traceId: id('none', 1), name: 'old' })],
      exceptions: [
        said('1.4.0', 'v1:both', now),
        said('1.5.0', 'v1:both', now + 1_000),
        said('1.4.0', 'v1:gone', now),
        said('1.5.0', 'v1:new', now + 1_000),
      ],
    }),
  )
  const { builds } = await ask('list')
  assert.deepEqual(builds.map(({ version, spans: count }: { version: string; spans: number }) => [version, count]).toSorted(), [
    ['1.4.0', 100],
    ['1.5.0', 100],
    ['9', 100],
  ])
  const found = await ask('compare', { before: '1.4.0', after: '1.5.0' })
  assert.deepEqual(found.operations, [
    {
      ...{ service: 'orders', name: 'orders.place' },
      before: { spans: 100, failed: 0, p50: 50, p99: 99 },
      after: { spans: 100, failed: 7, p50: 100, p99: 198 },
    },
  ])
  const fingerprints = (groups: readonly { readonly fingerprint: string }[]) => groups.map(({ fingerprint }) => fingerprint)
  assert.deepEqual([fingerprints(found.errors), fingerprints(found.gone)], [['v1:new'], ['v1:gone']])
  assert.deepEqual(found.edges, [{ from: 'orders', to: 'mail', by: 'call', before: 0, after: 100 }])
  const none = await ask('compare', { before: '1.4.0', after: '2' })
  assert.deepEqual([none.code, none.message], ['NOT_FOUND', 'Cannot find the build "2": there are 1.5.0, 9, 1.4.0'])
})
