import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listed, said, started, until } from './registry.test-support.ts'

const XML = { accept: 'application/xml', 'content-type': 'application/xml' }

test("what Eureka's Java client does: it asks, is not known, registers twice, renews, and is told what has changed", async (t) => {
  const { ask } = await started(t)
  assert.equal((await ask('GET /apps/')).text, '{"applications":{"versions__delta":"1","apps__hashcode":"","application":[]}}')
  const id = '192.0.2.2:app:26012'
  const renew = `PUT /apps/APP/${id}?status=UP&lastDirtyTimestamp=1000`
  assert.equal((await ask(renew)).status, 404)
  for (const _ of [1, 2]) assert.equal((await ask('POST /apps/APP', said('APP', id))).status, 204)
  const answer = await ask(renew)
  assert.deepEqual([answer.status, answer.text], [200, ''])
  for (const route of ['GET /apps', 'GET /apps/delta', 'GET /apps/delta/'])
    assert.deepEqual(listed(await ask(route)), { hash: 'UP_1_', instances: [`APP/${id} UP`] })
  // Who has changed meanwhile says who it is.
  assert.equal((await ask(renew.replace('1000', '2000'))).status, 404)
  const { instance } = (await ask(`GET /apps/app/${id}`)).json() as { instance: Record<string, unknown> }
  assert.deepEqual(
    [instance['port'], instance['lastDirtyTimestamp'], instance['actionType'], instance['isCoordinatingDiscoveryServer']],
    [{ $: 8080, '@enabled': 'true' }, '1000', 'ADDED', 'false'],
  )
  assert.equal(typeof (instance['leaseInfo'] as Record<string, unknown>)['registrationTimestamp'], 'number')
})

test('statuses, overrides and metadata change what is found, and the hash of all', async (t) => {
  const { ask } = await started(t)
  await ask('POST /apps/ORDER', said('order', 'a'))
  await ask('POST /apps/ORDER', said('ORDER', 'b', { status: 'DOWN' }))
  await ask('POST /apps/STOCK', said('STOCK', 'c', { vipAddress: 'stock,store', secureVipAddress: 'safe' }))
  assert.equal(listed(await ask('GET /apps')).hash, 'DOWN_1_UP_2_')
  assert.equal((await ask('PUT /apps/ORDER/a/status?value=OUT_OF_SERVICE&lastDirtyTimestamp=1000')).status, 200)
  assert.deepEqual(listed(await ask('GET /apps/delta')), {
    hash: 'DOWN_1_OUT_OF_SERVICE_1_UP_1_',
    instances: ['ORDER/b DOWN', 'ORDER/a OUT_OF_SERVICE', 'STOCK/c UP'],
  })
  // What it says itself does not end what somebody has said of it; that it is down counts all the same.
  await ask('POST /apps/ORDER', said('ORDER', 'a', { lastDirtyTimestamp: '2000' }))
  assert.equal(listed(await ask('GET /apps')).instances[0], 'ORDER/a OUT_OF_SERVICE')
  await ask('POST /apps/ORDER', said('ORDER', 'a', { lastDirtyTimestamp: '3000', status: 'DOWN' }))
  assert.equal(listed(await ask('GET /apps')).instances[0], 'ORDER/a DOWN')
  await ask('POST /apps/ORDER', said('ORDER', 'a', { lastDirtyTimestamp: '4000' }))
  assert.equal((await ask('DELETE /apps/ORDER/a/status?value=UP')).status, 200)
  assert.equal(listed(await ask('GET /apps')).instances[0], 'ORDER/a UP')
  await ask('PUT /apps/ORDER/a/metadata?zone=busan&weight=2')
  const { instance } = (await ask('GET /instances/a')).json() as { instance: Record<string, unknown> }
  assert.deepEqual(instance['metadata'], { zone: 'busan', weight: '2' })
  assert.deepEqual(listed(await ask('GET /vips/store')).instances, ['STOCK/c UP'])
  assert.deepEqual(listed(await ask('GET /svips/SAFE')).instances, ['STOCK/c UP'])
  assert.equal((await ask('DELETE /apps/STOCK/c')).status, 200)
  const gone = listed(await ask('GET /apps/delta'))
  assert.deepEqual([gone.hash, gone.instances.length], ['DOWN_1_UP_1_', 3])
  for (const route of ['GET /apps/STOCK', 'GET /apps/STOCK/c', 'GET /instances/c', 'GET /vips/store', 'DELETE /apps/STOCK/c'])
    assert.equal((await ask(route)).status, 404, route)
  for (const route of [
    'PUT /apps/STOCK/c/status?value=UP',
    'DELETE /apps/STOCK/c/status',
    'PUT /apps/STOCK/c/metadata?a=b',
    'PUT /apps/STOCK/c',
  ])
    assert.equal((await ask(route)).status, 404, route)
})

test('XML unless JSON is accepted, both ways, under /eureka and /eureka/v2', async (t) => {
  const { ask, url } = await started(t)
  const instance = `<?xml version="1.0"?><instance>
    <instanceId>a</instanceId><hostName>127.0.0.1</hostName><app>ORDER</app><ipAddr>127.0.0.1</ipAddr><status>UP</status>
    <port enabled="true">8080</port><securePort enabled="false">443</securePort><vipAddress>order</vipAddress>
    <dataCenterInfo class="com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo"><name>MyOwn</name></dataCenterInfo>
    <leaseInfo><renewalIntervalInSecs>5</renewalIntervalInSecs><durationInSecs>15</durationInSecs></leaseInfo>
    <metadata><instance__zone>a &amp; b</instance__zone></metadata><lastDirtyTimestamp>7</lastDirtyTimestamp>
  </instance>`
  assert.equal((await ask('POST /v2/apps/ORDER', instance, XML)).status, 204)
  const { headers, text } = await ask('GET /v2/apps', undefined, XML)
  assert.match(headers.get('content-type') ?? '', /^application\/xml/)
  for (const part of [
    '<versions__delta>1</versions__delta><apps__hashcode>UP_1_</apps__hashcode><application><name>ORDER</name><instance>',
    '<port enabled="true">8080</port>',
    '<durationInSecs>15</durationInSecs>',
    '<dataCenterInfo class="com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo"><name>MyOwn</name></dataCenterInfo>',
    '<metadata><instance__zone>a &amp; b</instance__zone></metadata>',
    '<overriddenstatus>UNKNOWN</overriddenstatus>',
  ])
    assert.ok(text.includes(part), part)
  const found = (await ask('GET /apps/ORDER/a')).json() as { instance: Record<string, unknown> }
  assert.deepEqual(found.instance['metadata'], { instance_zone: 'a & b' })
  assert.match(await (await fetch(`${url}/apps/ORDER`)).text(), /^<\?xml.*<application><name>ORDER<\/name><instance>/s)
})

test('what is wrong is refused in words, and leaves nothing behind', async (t) => {
  const { ask, url } = await started(t, { limits: { instancesPerClient: 20 } })
  const post = (more: object, app = 'ORDER'): Promise<readonly [number, string]> =>
    ask(`POST /apps/${encodeURIComponent(app)}`, said(app, 'a', more)).then(({ status, text }) => [status, text] as const)
  const cases: readonly (readonly [more: object, why: RegExp])[] = [
    [{ instanceId: 'a/b' }, /"instanceId" \\"a\/b\\" is to be 1 to 255 letters/],
    [{ instanceId: '..' }, /"instanceId"/],
    [{ instanceId: 'a%2Fb' }, /"instanceId"/],
    [{ instanceId: 'a\nb' }, /cannot be printed/],
    [{ instanceId: 'x'.repeat(256) }, /"instanceId"/],
    [{ app: 'STOCK' }, /it is of \\"STOCK\\", and the path says \\"ORDER\\"/],
    [{ hostName: null }, /has no \\"hostName\\"/],
    [{ status: 'HAPPY' }, /no status \\"HAPPY\\"/],
    [{ port: { $: 70_000 } }, /\\"port\\" is to be a whole number from 0 to 65535/],
    [{ leaseInfo: { durationInSecs: 31_536_000 } }, /a lease ends after 3600 seconds at most/],
    [{ leaseInfo: { durationInSecs: 0 } }, /durationInSecs/],
    [{ leaseInfo: { durationInSecs: 1e99 } }, /durationInSecs/],
    [{ lastDirtyTimestamp: 'tomorrow' }, /lastDirtyTimestamp/],
    [{ metadata: { a: {} } }, /\\"metadata.a\\" is to be text/],
    [{ metadata: 'zone' }, /\\"metadata\\" is to be an object/],
    [{ metadata: { a: 'x'.repeat(70_000) } }, /longer than 65536 characters/],
    [{ dataCenterInfo: 'here' }, /dataCenterInfo/],
  ]
  for (const [more, why] of cases) {
    const [status, text] = await post(more)
    assert.equal(status, 400, text)
    assert.match(
      text.replaceAll(String.raw`\"`, '\\"'),
      new RegExp(why.source.replaceAll('"instanceId"', String.raw`\\"instanceId\\"`)),
    )
  }
  assert.equal((await ask('POST /apps/ORDER', '{"instance":{"app":"ORD')).status, 400)
  for (const body of ['[]', 'null', '5', '{}', '{"instance":[]}'])
    assert.equal((await ask('POST /apps/ORDER', body)).status, 400, body)
  const half = await ask('POST /apps/ORDER', '<instance><app>ORDER</app><host', XML)
  assert.equal(half.status, 400)
  assert.match(half.text, /^Cannot read the body: it is not XML: an element is to begin at character 27\n/)
  assert.equal((await ask('POST /apps/ORDER', '<orders/>', XML)).status, 400)
  const large = await ask('POST /apps/ORDER', 'x'.repeat(10_000_000)).catch(() => undefined)
  assert.ok(large === undefined || large.status === 413)
  assert.equal((await ask('POST /apps/ORDER', 'a', { 'content-type': 'text/plain' })).status, 415)
  assert.equal((await ask('PUT /apps/ORDER/a?lastDirtyTimestamp=soon')).status, 400)
  assert.equal((await ask('GET /apps/delta?after=soon')).status, 400)
  assert.equal((await ask('GET /apps/delta?after=other-start.1')).status, 410)
  assert.equal((await ask('GET /nothing')).status, 404)
  assert.equal((await fetch(url.replace('/eureka', '/eureka/apps/%zz'))).status, 400)
  assert.deepEqual(listed(await ask('GET /apps')), { hash: '', instances: [] })
  // One client does not fill it.
  const statuses = await Promise.all(
    Array.from({ length: 30 }, async (_, at) => (await ask('POST /apps/ORDER', said('ORDER', `i${at}`))).status),
  )
  assert.deepEqual(
    [statuses.filter((status) => status === 204).length, statuses.filter((status) => status === 429).length],
    [20, 10],
  )
  assert.match((await ask('POST /apps/ORDER', said('ORDER', 'more'))).text, /127\.0\.0\.1 has registered 20 already/)
})

test('with credentials, whoever has none is told what to give, and nothing else', async (t) => {
  const { ask } = await started(t, { credentials: { user: 'dure', password: 'secret' } })
  const basic = (text: string): Record<string, string> => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` })
  for (const headers of [{}, basic('dure:wrong'), basic('dure:secret '), { authorization: 'Basic' }]) {
    const { status, headers: back, text } = await ask('GET /apps', undefined, headers)
    assert.deepEqual([status, back.get('www-authenticate')], [401, 'Basic realm="registry"'])
    assert.match(text, /Cannot let you in/)
  }
  assert.equal((await ask('GET /apps', undefined, basic('dure:secret'))).status, 200)
})

test('who waits is told of a change at once, of all that came together; and after the wait of nothing', async (t) => {
  const { ask } = await started(t)
  const wait = async (after: string, seconds: number) =>
    ask(`GET /apps/delta?after=${after}`, undefined, { prefer: `wait=${seconds}` })
  const first = (await ask('GET /apps')).headers.get('x-dure-revision')!
  const waiting = Array.from({ length: 50 }, () => wait(first, 30))
  // They are all there before anything happens.
  await wait(first, 1)
  await Promise.all(['a', 'b', 'c'].map((id) => ask('POST /apps/ORDER', said('ORDER', id))))
  for (const answer of await Promise.all(waiting)) assert.ok(listed(answer).instances.length >= 1)
  const now = (await ask('GET /apps')).headers.get('x-dure-revision')!
  assert.notEqual(now, first)
  assert.deepEqual(listed(await wait(now, 1)), { hash: 'UP_3_', instances: [] })
  assert.deepEqual(listed(await wait(first, 30)).instances.toSorted(), ['ORDER/a UP', 'ORDER/b UP', 'ORDER/c UP'])
})

test('a lease that is not renewed ends, and the delta says so', async (t) => {
  const { ask } = await started(t)
  const lease = { leaseInfo: { renewalIntervalInSecs: 1, durationInSecs: 1 } }
  await ask('POST /apps/ORDER', said('ORDER', 'a', lease))
  await ask('POST /apps/ORDER', said('ORDER', 'b'))
  await until('it is gone', async () => listed(await ask('GET /apps')).instances.join() === 'ORDER/b UP')
  assert.equal(listed(await ask('GET /apps/delta')).hash, 'UP_1_')
  assert.match((await ask('GET /apps/delta')).text, /"instanceId":"a".*"actionType":"DELETED"/)
  assert.equal((await ask('PUT /apps/ORDER/a?status=UP&lastDirtyTimestamp=1000')).status, 404)
})
