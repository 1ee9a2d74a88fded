import assert from 'node:assert/strict'
import { after, before, describe, test, type TestContext } from 'node:test'
import { missingServer, startLocalServer, type LocalServer } from '@dure/testing/servers'
import { silentLogger } from 'dure/telemetry'
import { bytesOfEntry } from './entries.ts'
import { COMMAND, text } from './frames.ts'
import { openLink, type Link } from './link.ts'
import { openLog, type Log } from './log.ts'
import { startProxy } from './proxy.test-support.ts'
import { makeStream, statisticsOf } from './server.ts'
import { StreamError } from './stream-connection.ts'
import { freshPrefix, range, runtime, until } from './world.test-support.ts'

/** It says much and changes nothing. */
const FILLING = { do: 'forget', topic: 'x'.repeat(200_000), group: 'none', revision: -1 } as const
/** A log that keeps about ten megabytes, in segments of one. */
const SMALL = { 'max-length-bytes': '10000000', 'stream-max-segment-size-bytes': '1000000' }

describe('the log of a prefix', { skip: missingServer('rabbitmq'), timeout: 180_000 }, () => {
  let server: LocalServer
  before(async () => {
    server = await startLocalServer('rabbitmq')
  })
  after(() => server.close())

  const shared = { runtime, log: silentLogger(), timeout: 5_000, heartbeat: 5 }
  const linkTo = async (t: TestContext, port = server.ports['stream']!): Promise<Link> => {
    const who = { host: '127.0.0.1', username: 'guest', password: 'guest', vhost: '/', tls: undefined }
    const link = await openLink({ ...shared, address: { ...who, port } })
    t.after(link.close)
    return link
  }
  const logOf = async (t: TestContext, link: Link, stream: string): Promise<Log> => {
    const log = await openLog({ ...shared, link, stream, lease: 2_000 })
    t.after(log.close)
    return log
  }
  const placeOf = (link: Link, stream: string): Promise<number | undefined> =>
    link.request(COMMAND.queryOffset, [text('snapshot'), text(stream)]).then(
      (answer) => answer.i64(),
      (error: unknown) => {
        assert.ok(error instanceof StreamError, String(error))
        return undefined
      },
    )
  /** More than one part of it. */
  const fill = async (log: Log): Promise<void> => {
    for (const n of range(6)) await log.write({ do: 'queue', queue: `${n}${'q'.repeat(100_000)}` })
    const retention = { ms: Infinity, bytes: Infinity }
    await log.write({ do: 'topic', topic: 'endless', state: { partitions: 3, retention } })
    await log.write({ do: 'group', topic: 'endless', group: 'g', positions: [1, 2, 3] })
  }

  test('is written down from time to time: who comes when its beginning is gone knows the same', async (t) => {
    const stream = freshPrefix()
    const link = await linkTo(t)
    await makeStream(link, stream, SMALL)
    const [one, two] = [await logOf(t, link, stream), await logOf(t, await linkTo(t), stream)]
    await fill(one)
    let first = await placeOf(link, stream)
    assert.equal(first, undefined)
    while ((await statisticsOf(link, stream)).first === 0) await Promise.all([one.write(FILLING), two.write(FILLING)])
    first = await placeOf(link, stream)
    assert.ok(first! > 0)
    const late = await logOf(t, await linkTo(t), stream)
    assert.deepEqual(await late.sync(), await one.sync())
    assert.deepEqual(await late.sync(), await two.sync())
    assert.equal(late.state().topics.get('endless')?.retention.ms, Infinity)
  })

  test('who is lost in the midst of writing it leaves the one before, and the next one is written by another', async (t) => {
    const stream = freshPrefix()
    const proxy = await startProxy(server.ports['stream']!)
    t.after(proxy.close)
    const [lost, well] = [await linkTo(t, proxy.port), await linkTo(t)]
    const writer = await logOf(t, lost, stream)
    await fill(writer)
    const begun = Promise.withResolvers<void>()
    proxy.fate = (frame) => {
      if (!frame.includes('"do":"snapshot"') || frame.includes('"part":0,')) return 'goes'
      begun.resolve()
      return 'cut before'
    }
    const writing = (async () => {
      for (;;) await writer.write(FILLING)
    })()
    writing.catch(() => {})
    await begun.promise
    writer.close()
    lost.close()
    const other = await logOf(t, well, stream)
    assert.equal(await placeOf(well, stream), undefined)
    assert.deepEqual(new Set(other.state().topics.keys()), new Set(['endless']))
    while ((await placeOf(well, stream)) === undefined) await other.write(FILLING)
    const late = await logOf(t, await linkTo(t), stream)
    assert.deepEqual(await late.sync(), await other.sync())
  })

  test('as many as come together read, each by a number of its own', async (t) => {
    const stream = freshPrefix()
    const link = await linkTo(t)
    await makeStream(link, stream, {})
    await link.append(stream, [bytesOfEntry({ do: 'nothing', by: 'me', n: 1 })])
    const came = range(600).map(() => 0)
    const read = (n: number) =>
      link.read({ stream, start: 'first', credit: 1, ended: () => {}, came: (chunk) => void (came[n]! += chunk.messages.length) })
    const readings = await Promise.all(came.map((_, n) => read(n)))
    await until(() => came.every((count) => count === 1))
    for (const reading of readings) reading.end()
    await Promise.all(range(300).map(read))
    await until(() => came.slice(0, 300).every((count) => count === 2))
  })

  test('where the beginning is gone and nothing was written down, nobody begins without it', async (t) => {
    const stream = freshPrefix()
    const link = await linkTo(t)
    await makeStream(link, stream, SMALL)
    const filling = bytesOfEntry({ ...FILLING, by: 'gone', n: 1 })
    await until(async () => {
      await link.append(stream, [filling, filling])
      return (await statisticsOf(link, stream)).first > 0
    })
    await assert.rejects(logOf(t, link, stream), { code: 'DATA_LOSS', message: /begins at \d+, and 0 is needed; delete it/ })
  })
})
