import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { ask, calls, openShop, until } from './rest.test-support.ts'

async function read(response: IncomingMessage): Promise<{ lines: string[]; cut: boolean }> {
  let text = ''
  let cut = false
  try {
    for await (const chunk of response) text += String(chunk)
  } catch {
    cut = true
  }
  return { lines: text.split('\n'), cut }
}

async function open(url: string): Promise<IncomingMessage> {
  const [response] = (await once(get(url), 'response')) as [IncomingMessage]
  return response
}

test('sends one value a line and ends', async () => {
  await using shop = await openShop()
  const response = await open(`${shop.url}/watch?n=3`)
  assert.equal(response.statusCode, 200)
  assert.match(response.headers['content-type']!, /^application\/x-ndjson/)
  assert.ok(response.headers['x-correlation-id'])
  const { lines, cut } = await read(response)
  assert.equal(cut, false)
  assert.deepEqual(lines, [0, 1, 2].map((n) => JSON.stringify({ n, at: new Date(n) })).concat(''))
  const empty = await open(`${shop.url}/watch?n=0`)
  assert.equal(empty.statusCode, 200)
  assert.deepEqual(await read(empty), { lines: [''], cut: false })
})

test('a stream that fails before its first line is a problem, later its last line is one', async () => {
  await using shop = await openShop()
  const early = await ask(`${shop.url}/watch?n=3&mode=early`)
  assert.equal(early.status, 500)
  assert.equal(early.body['code'], 'INTERNAL')
  assert.equal((await ask(`${shop.url}/watch?n=x`)).status, 400)
  const { lines, cut } = await read(await open(`${shop.url}/watch?n=3&mode=late`))
  assert.equal(lines.length, 4)
  const last = JSON.parse(lines[2]!) as { $problem: { code: string } }
  assert.equal(last.$problem.code, 'INTERNAL')
  assert.doesNotMatch(lines[2]!, /secret/)
  assert.equal(cut, true)
})

test('a client that goes away ends the callee', async () => {
  await using shop = await openShop()
  const before = calls.finished
  const response = await open(`${shop.url}/watch?n=3&mode=hang`)
  await once(response, 'readable')
  response.destroy()
  await until(() => calls.finished > before)
})

test('a slow reader holds the callee back', async () => {
  await using shop = await openShop()
  calls.produced = 0
  const N = 2_000
  const response = await open(`${shop.url}/watch?n=${N}&mode=big`)
  response.pause()
  let seen = -1
  // Wait until nothing more is produced although nothing is read.
  for (let still = 0; still < 20; still = calls.produced === seen && seen > 0 ? still + 1 : 0) {
    seen = calls.produced
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  assert.ok(calls.produced < N, 'everything was produced although nobody read')
  response.destroy()
})

test('a silent stream sends empty lines', async () => {
  await using shop = await openShop({ limits: { heartbeat: 10 } })
  const response = await open(`${shop.url}/watch?n=3&mode=hang`)
  let text = ''
  response.on('data', (chunk) => void (text += String(chunk)))
  await until(() => text.endsWith('\n\n\n'))
  assert.equal(text.trim().split('\n').length, 2)
  response.destroy()
})

test('closing the door ends streams, with the reason', async () => {
  const shop = await openShop()
  const response = await open(`${shop.url}/watch?n=3&mode=hang`)
  await once(response, 'readable')
  const all = read(response)
  await shop.close()
  const { lines, cut } = await all
  assert.match(lines.at(-2)!, /\$problem.*stopping.*UNAVAILABLE/)
  assert.equal(cut, true)
})
