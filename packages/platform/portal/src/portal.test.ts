import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CallError, query } from 'dure/contract'
import { z } from 'zod'
import { look, offering, orders, SCRIPT } from './portal.test-support.ts'

/** What people read of a page. */
const textOf = (body: string): string =>
  body
    .replaceAll(/<[^>]*>/g, ' ')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll(/\s+/g, ' ')

test('what is published is found by names, fields, descriptions and Korean, in parts of words; what changes is found anew', async (t) => {
  const { url, publish } = await offering(t)
  const found = async (words: string): Promise<string> => textOf((await look(`${url}/?q=${encodeURIComponent(words)}`)).body)
  assert.match(await found('place order'), /place Places an order Operation · orders/)
  assert.match(await found('SKU catalogue'), /place Places an order/)
  assert.match(await found('SKU catalogue'), /order\.placed An order was taken/)
  // Of two syllables; as parts of letters, as some keyboards send them; of a field.
  for (const words of ['배송', '배송'.normalize('NFD'), '바꿉니다'])
    assert.match(await found(words), /deliveries 배송을 조회하고 바꿉니다/, words)
  for (const words of ['운송장', '상품 어디', 'trackingn'])
    assert.match(await found(words), /track 상품이 어디에 있는지 봅니다/, words)
  assert.match(await found('배송 nothing'), /Nothing was found/)
  for (const words of ['"', '" OR "', '*', 'a*', 'NEAR(', "'; --", '%', '_'])
    assert.match(await found(words), /Results for/, words)

  await publish({ contract: orders('1.1.0', { refund: query({ output: z.int(), description: 'Money back' }) }) })
  while (!/refund Money back/.test(await found('money'))) await new Promise((resolve) => setTimeout(resolve, 50))
})

test('a product, an operation and an event are read: owner, lines, plans, types, errors, an example, a call', async (t) => {
  const { url, publish, deprecate } = await offering(t)
  const home = textOf((await look(url)).body)
  assert.match(home, /deliveries.*배송을|orders Take orders and follow them Owner team-checkout · 1\.0\.0/)
  const product = textOf((await look(`${url}/products/orders`)).body)
  assert.match(product, /Owner team-checkout · Version 1\.0\.0/)
  assert.match(product, /place command POST \/customers\/\{customer\}\/orders Places an order/)
  assert.match(product, /order\.placed 1 An order was taken/)
  assert.match(product, /free 1000 calls a day \(Asia\/Seoul\) at once/)

  const operation = textOf((await look(`${url}/products/orders/operations/place`)).body)
  assert.match(operation, /curl -X POST "\$URL"'\/customers\/a\/orders'|curl -X POST "\$URL"\/customers\/a\/orders/)
  assert.match(operation, /-H "x-api-key: \$KEY" -H 'content-type: application\/json' -d '\{"items":\[\]\}'/)
  assert.match(operation, /items list of Item yes/)
  assert.match(operation, /note string or null no/)
  assert.match(operation, /sku string yes Of the catalogue count int32 yes/)
  assert.match(operation, /SOLD_OUT \d{3} FAILED_PRECONDITION SoldOutData Not enough is there/)
  const event = textOf((await look(`${url}/products/orders/events/order.placed`)).body)
  assert.match(event, /An order was taken Version 1 · Key \{orderId\}/)

  await publish({ contract: orders('2.0.0') })
  await deprecate({ product: 'orders', line: '1', sunset: Date.now() + 86_400_000 })
  const old = `${url}/products/orders?line=1`
  while (!/Deprecated since \d{4}-\d\d-\d\d · Ends/.test(textOf((await look(old)).body)))
    await new Promise((resolve) => setTimeout(resolve, 50))
  assert.match(textOf((await look(`${url}/products/orders`)).body), /Version 2\.0\.0/)
  for (const path of [
    'products/none',
    'products/orders?line=7',
    'products/orders/operations/none',
    'products/orders/operations/toString',
  ])
    assert.equal((await look(`${url}/${path}`)).status, 404, path)
  for (const path of [
    'none',
    'products',
    'products/orders/secrets/place',
    'products/%E0%A4%A',
    'products/orders/operations/place/x',
  ])
    assert.equal((await look(`${url}/${path}`)).status, 404, path)
})

test('pages speak English or Korean, as the browser asks or as somebody chose, and the choice leads nowhere else', async (t) => {
  const { url } = await offering(t)
  const korean = await look(url, { headers: { 'accept-language': 'ko-KR,ko;q=0.9,en;q=0.5' } })
  assert.match(korean.body, /<html lang="ko">/)
  assert.match(korean.body, /개발자 포털/)
  const chosen = await look(`${url}/?q=배송&lang=ko`.replace('배송', encodeURIComponent('배송')))
  assert.deepEqual([chosen.status, chosen.headers['location']], [303, `/?q=${encodeURIComponent('배송')}`])
  const [cookie] = String(chosen.headers['set-cookie']).split(';')
  assert.match((await look(`${url}/products/orders`, { headers: { cookie: cookie! } })).body, /<html lang="ko">/)
  for (const path of ['//evil.example/?lang=ko', '/\\evil.example/?lang=ko', '/\t/evil.example/?lang=ko'])
    assert.doesNotMatch(String((await look(url + encodeURI(path))).headers['location']), /^(?:\/[/\\]|http)/, path)
})

test('script in what others have written is text, and nothing of a page may come from outside', async (t) => {
  const { url, publish } = await offering(t)
  const evil = orders('1.1.0', { evil: query({ output: z.object({ a: z.string().describe(SCRIPT) }), description: SCRIPT }) })
  await publish({ contract: { ...evil, events: { ...evil.events, [SCRIPT]: evil.events['order.placed']! } }, summary: SCRIPT })
  const paths = [
    '/',
    '/products/orders',
    '/products/orders/operations/evil',
    `/products/orders/events/${encodeURIComponent(SCRIPT)}`,
  ]
  for (const path of [...paths, `/?q=${encodeURIComponent(SCRIPT)}`, `/?x=${encodeURIComponent(`"${SCRIPT}`)}`]) {
    const { body, headers, status } = await look(url + path)
    assert.equal(status, 200, path)
    assert.doesNotMatch(body, /<script|<img|https?:|<style|style=|\son\w+="/, path)
    assert.match(
      String(headers['content-security-policy']),
      /^default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'/,
    )
  }
  assert.match((await look(`${url}/products/orders/operations/evil`)).body, /&lt;script&gt;alert\(1\)/)
})

test('what is too long, of another method or from elsewhere is refused, and what is no contract says so', async (t) => {
  const { url, publish } = await offering(t)
  assert.equal((await look(`${url}/?q=${'a'.repeat(201)}`)).status, 400)
  // Its sender may still write when the answer is there and the connection is cut.
  const megabyte = look(`${url}/?q=${'a'.repeat(1_048_576)}`).then(
    ({ status }) => status,
    ({ code }) => code as unknown,
  )
  assert.ok([431, 'ECONNRESET', 'EPIPE'].includes((await megabyte) as string))
  assert.equal((await look(url, { method: 'POST', body: 'q=a' })).status, 405)
  assert.equal((await look(url, { headers: { host: 'evil.example' } })).status, 403)
  assert.equal((await look(url, { headers: { origin: 'http://evil.example' } })).status, 403)
  const { name, ...rest } = orders()
  await publish({ contract: { ...rest, name: 'broken', owner: 'team-many', operations: { [name]: 7 } } })
  while (!(await look(url)).body.includes('/products/broken')) await new Promise((resolve) => setTimeout(resolve, 50))
  const broken = await look(`${url}/products/broken`)
  assert.equal(broken.status, 500)
  assert.match(textOf(broken.body), /"operations\.orders" of its contract is wrong/)
  assert.match(textOf((await look(`${url}/?q=broken`)).body), /broken API/)
})

test('while API management does not answer, pages say so', async (t) => {
  const away = () => Promise.reject(new CallError('UNAVAILABLE', 'It is away'))
  const { url } = await offering(t, { apis: { products: away, described: away } })
  const { status, body } = await look(url)
  assert.equal(status, 503)
  assert.match(body, /API management does not answer/)
})
