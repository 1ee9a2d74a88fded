import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CallError } from 'dure/contract'
import { modelOf } from './model.ts'
import { WSSE } from './names.ts'
import { whole, xmlReader } from './read.ts'
import { at, EVERYTHING, Orders, shop } from './shop.test-support.ts'
import { xmlWriter } from './write.ts'

const NS = 'urn:dure:orders:1'
const model = modelOf(Orders)
const echo = model.operations.find(({ element }) => element === 'echo')!
const echoed = `<echo xmlns="${NS}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">${
  echo.input !== undefined && 'fields' in echo.input ? xmlWriter(model).fields(echo.input.fields)(EVERYTHING) : ''
}</echo>`

for (const version of ['1.1', '1.2'] as const)
  test(`values of every kind go in and come out as they are, by SOAP ${version}`, async (t) => {
    const { ask } = await shop(t)
    const { status, content, type, text } = await ask(echoed, { version })
    assert.equal(status, 200, text)
    assert.equal(type, version === '1.1' ? 'text/xml; charset=utf-8' : 'application/soap+xml; charset=utf-8')
    assert.deepEqual([content.local, content.uri], ['echoResponse', NS])
    const issues: never[] = []
    const value = xmlReader(model).parts([echo.output!])(content, whole(issues)).get('result')
    assert.deepEqual([value, issues], [EVERYTHING, []])
    assert.match(text, /<at>12345-01-02T03:04:05.678Z<\/at>/)
    assert.match(text, /<either><money><amount>1<\/amount>/)
  })

test('what is wrong with an input is said, and where, before anything is done', async (t) => {
  const { ask, placed } = await shop(t)
  const wrong = async (inside: string, ...words: readonly RegExp[]): Promise<void> => {
    const { status, content, text } = await ask(`<place xmlns="${NS}">${inside}</place>`)
    assert.equal(status, 500)
    assert.equal(at(content, 'faultcode'), 'soap:Client')
    for (const one of words) assert.match(text, one)
  }
  await wrong('<id>1</id><pieces>0</pieces>', /<f:issue path="pieces">/, /code="INVALID_ARGUMENT"/)
  await wrong('<id>1</id><pieces>many</pieces>', /<f:issue path="pieces">[^<]*number/)
  await wrong('<id>1</id><pieces>9007199254740993</pieces>', /<f:issue path="pieces">/)
  await wrong('<id>1</id><pieces>1</pieces><colour>red</colour>', /"colour&?.*is not known; known are id, pieces/)
  await wrong('<id>1</id><pieces xmlns="urn:other">1</pieces>', /of the namespace (&quot;|")urn:other/)
  await wrong('<id>1</id><id>2</id><pieces>1</pieces>', /is there twice/)
  await wrong('text<id>1</id><pieces>1</pieces>', /Text is there between elements/)
  await wrong('<id><b>1</b></id><pieces>1</pieces>', /inside of what has no elements/)
  await wrong('', /<f:issue path="id">/, /<f:issue path="pieces">/)
  assert.deepEqual(placed, [])
  assert.equal(at((await ask(`<place xmlns="${NS}"><pieces>2</pieces><id>1</id></place>`)).content, 'result'), '1 × 2')
})

test('declared errors are typed faults, internal ones keep their secrets, and a deadline is one', async (t) => {
  const { ask } = await shop(t)
  const fail = (how: string, more?: Parameters<typeof ask>[1]) => ask(`<fail xmlns="${NS}"><how>${how}</how></fail>`, more)
  const sold = await fail('sold out')
  assert.equal(sold.status, 500)
  assert.deepEqual([at(sold.content, 'faultcode'), at(sold.content, 'faultstring')], ['soap:Client', '2 are left'])
  assert.equal(at(sold.content, 'detail', 'SoldOutFault', 'data', 'left'), '2')
  assert.equal(at(sold.content, 'detail', 'SoldOutFault', 'data', 'until'), '2026-12-01T00:00:00.000Z')
  const newer = await fail('closed', { version: '1.2' })
  assert.equal(newer.status, 400)
  assert.equal(at(newer.content, 'Code', 'Value'), 'soap:Sender')
  assert.equal(at(newer.content, 'Code', 'Subcode', 'Value'), 'f:CLOSED')
  assert.equal(at(newer.content, 'Detail', 'ClosedFault'), '')
  const broken = await fail('broken', { version: '1.2' })
  assert.deepEqual([broken.status, at(broken.content, 'Code', 'Value')], [500, 'soap:Receiver'])
  assert.ok(!broken.text.includes('1234'))
  const slow = await fail('slow', { headers: { 'request-timeout': '0.05' } })
  assert.match(slow.text, /code="DEADLINE_EXCEEDED"/)
  const header = await fail('slow', { soapHeaders: '<request-timeout xmlns="urn:dure:call">0.05</request-timeout>' })
  assert.match(header.text, /code="DEADLINE_EXCEEDED"/)
  const wrong = await fail('closed', { headers: { 'request-timeout': 'soon' } })
  assert.match(wrong.text, /code="INVALID_HEADER"/)
})

test('what goes along is in the headers of HTTP, or in those of the envelope', async (t) => {
  const { ask } = await shop(t)
  const asked = `<metadata xmlns="${NS}"/>`
  const baggage = (text: string): boolean => /<key>tenant<\/key><value>seoul<\/value>/.test(text)
  assert.ok(baggage((await ask(asked, { headers: { baggage: 'tenant=seoul' } })).text))
  assert.ok(baggage((await ask(asked, { soapHeaders: '<baggage xmlns="urn:dure:call">tenant=seoul</baggage>' })).text))
})

test('a UsernameToken, or the credentials of HTTP, say who calls', async (t) => {
  const security = {
    authenticate: ({ header }: { header: (name: string) => string | undefined }) => {
      const [user, scope] = Buffer.from(header('authorization')?.split(' ')[1] ?? '', 'base64')
        .toString()
        .split(':')
      if (user === 'nobody') throw new CallError('UNAUTHENTICATED', 'That is nobody')
      return scope === undefined ? undefined : { subject: user!, kind: 'user' as const, scopes: [scope], roles: [] }
    },
  }
  const { ask, placed } = await shop(t, { security })
  const content = `<place xmlns="${NS}"><id>1</id><pieces>1</pieces></place>`
  const token = (name: string, password: string, type = ''): string =>
    `<w:Security xmlns:w="${WSSE}" xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" e:mustUnderstand="1"><w:UsernameToken><w:Username>${name}</w:Username><w:Password${type}>${password}</w:Password></w:UsernameToken></w:Security>`
  assert.equal((await ask(content, { soapHeaders: token('sori', 'orders.write') })).status, 200)
  const basic = { authorization: `Basic ${Buffer.from('sori:orders.write').toString('base64')}` }
  assert.equal((await ask(content, { headers: basic })).status, 200)
  const code = async (more: Parameters<typeof ask>[1]) => /code="(\w+)"/.exec((await ask(content, more)).text)?.[1]
  assert.equal(await code({ soapHeaders: token('sori', 'orders.read') }), 'PERMISSION_DENIED')
  assert.equal(await code({}), 'UNAUTHENTICATED')
  assert.equal(await code({ soapHeaders: token('nobody', 'x') }), 'UNAUTHENTICATED')
  assert.equal(await code({ soapHeaders: token('sori', 'x', ' Type="urn:x#PasswordDigest"') }), 'UNAUTHENTICATED')
  assert.deepEqual(placed, ['1', '1'])
})

test('what SOAP has its own faults for, and what is no call', async (t) => {
  const { ask, url } = await shop(t)
  const strange = '<x xmlns="urn:x" xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" e:mustUnderstand="1"/>'
  const must = await ask(`<all xmlns="${NS}"/>`, { soapHeaders: strange })
  assert.deepEqual([must.status, at(must.content, 'faultcode')], [500, 'soap:MustUnderstand'])
  assert.equal(at(must.content, 'detail'), undefined)
  const elsewhere = strange.replace('/>', ' e:actor="urn:somebody-else"/>')
  assert.equal((await ask(`<all xmlns="${NS}"/>`, { soapHeaders: elsewhere })).status, 200)
  const signed = `<w:Security xmlns:w="${WSSE}" xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" e:mustUnderstand="true"><w:Signature/></w:Security>`
  assert.match((await ask(`<all xmlns="${NS}"/>`, { soapHeaders: signed })).text, /MustUnderstand/)
  const other = await ask('<all xmlns="urn:dure:orders:2"/>')
  assert.match(at(other.content, 'faultstring')!, /of the namespace "urn:dure:orders:2", and "urn:dure:orders:1" is wanted/)
  assert.match((await ask(`<nothing xmlns="${NS}"/>`)).text, /orders has no such operation/)
  assert.match((await ask('')).text, /the Body of the envelope is empty/)
  assert.equal((await ask(`<forget xmlns="${NS}"><input>x</input></forget>`)).content.children.length, 0)
  const page = await fetch(`${url}/nowhere`, { method: 'POST', body: 'x' })
  assert.deepEqual([page.status, (await page.text()).includes('/soap/orders')], [404, true])
  assert.equal((await fetch(`${url}/orders`)).status, 405)
})

test('the WSDL is served where its contract is, with the address that was asked', async (t) => {
  const { url } = await shop(t)
  const own = await (await fetch(`${url}/orders?wsdl`)).text()
  assert.ok(own.includes(`<soap12:address location="${url}/orders"/>`))
  assert.ok(!own.includes('watched'))
  const all = await (await fetch(`${url}?WSDL`)).text()
  // Streams have no answer that SOAP could give.
  assert.deepEqual([all.includes('urn:dure:watched:0'), all.includes('name="watch"')], [true, false])
  const { url: named } = await shop(t, { door: { address: 'https://shop.example/soap' } })
  assert.ok((await (await fetch(`${named}/orders?wsdl`)).text()).includes('location="https://shop.example/soap/orders"'))
})
