import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { addressTrouble, isInside, post } from './post.ts'

test('addresses of this machine, of networks of one’s own and of nobody are inside, however they are written', () => {
  const all =
    '127.0.0.1 10.1.2.3 172.31.0.1 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0 224.0.0.1 255.255.255.255 ::1 :: fe80::1'
  for (const address of `${all} fc00::1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 64:ff9b::7f00:1 2002:7f00:1:: 2001:db8::1 ff02::1 x`.split(
    ' ',
  ))
    assert.ok(isInside(address), address)
  for (const address of ['8.8.8.8', '172.32.0.1', '2606:4700::1111']) assert.ok(!isInside(address), address)
  const hosts = [
    '127.0.0.1',
    '127.1',
    '0x7f000001',
    '2130706433',
    '[::1]',
    '[::ffff:7f00:1]',
    'localhost',
    'a.localhost',
    '169.254.169.254',
  ]
  for (const host of hosts) assert.match(addressTrouble(`https://${host}/x`, false) ?? '', /inside/, host)
  assert.match(addressTrouble('http://shop.example/', false)!, /https/)
  assert.match(addressTrouble('https://a:b@shop.example/', false)!, /password/)
  assert.match(addressTrouble('file:///etc/passwd', true)!, /https/)
  assert.equal(addressTrouble('https://shop.example/hook', false), undefined)
})

test('a name that stands for an address inside is refused when it is looked up', async () => {
  // Names that every machine has for itself; the first check is passed by the point at its end.
  const posted = await post('https://localhost./', {
    headers: {},
    body: '',
    signal: AbortSignal.timeout(10_000),
    internal: false,
  })
  assert.ok(!posted.ok && /inside|could not be reached/.test(posted.why), JSON.stringify(posted))
})

test('redirects are not followed, other answers are told, and who does not answer is left', async (t) => {
  const seen: string[] = []
  const server = createServer((request, response) => {
    seen.push(request.url!)
    if (request.url === '/slow') return
    response.writeHead(request.url === '/moved' ? 302 : Number(request.url!.slice(1)), { location: '/200' }).end('x')
  }).listen(0, '127.0.0.1')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  const to = (path: string, signal = new AbortController().signal) =>
    post(`http://127.0.0.1:${port}${path}`, { headers: {}, body: '{}', signal, internal: true })
  assert.deepEqual(await to('/204'), { ok: true })
  assert.deepEqual(await to('/500'), { ok: false, status: 500, why: 'It answered 500' })
  const moved = await to('/moved')
  assert.ok(!moved.ok && moved.status === 302 && /not followed/.test(moved.why))
  const end = new AbortController()
  server.once('request', () => end.abort())
  assert.deepEqual(await to('/slow', end.signal), { ok: false, why: 'It did not answer in time' })
  assert.deepEqual(seen, ['/204', '/500', '/moved', '/slow'])
})
