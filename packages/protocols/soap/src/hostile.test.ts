import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { SOAP11 } from './names.ts'
import { at, post, shop } from './shop.test-support.ts'
import { readXml } from './xml-reader.ts'
import { XmlError } from './xml.ts'

const NS = 'urn:dure:orders:1'
const enveloped = (content: string): string => `<e:Envelope xmlns:e="${SOAP11}"><e:Body>${content}</e:Body></e:Envelope>`
const all = enveloped(`<all xmlns="${NS}"/>`)

test('documents that are too much, or no envelopes, are faults, and others are served', { timeout: 300_000 }, async (t) => {
  const { url, ask } = await shop(t, { door: { limits: { body: 40_000_000 } } })
  const to = `${url}/orders`
  const bomb = `<!DOCTYPE x [<!ENTITY a "ha">${Array.from({ length: 20 }, (_, n) => `<!ENTITY a${n} "${`&a${n - 1 < 0 ? '' : n - 1};`.repeat(10)}">`).join('')}]>`
  const cases: readonly (readonly [body: string | Uint8Array<ArrayBuffer>, words: RegExp])[] = [
    [`<!DOCTYPE e>${all}`, /document type, which SOAP forbids/],
    [`<?xml version="1.0"?>${bomb}${enveloped(`<all xmlns="${NS}">&a19;</all>`)}`, /document type|not well-formed/],
    ['<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>', /document type/],
    [enveloped('<all>&nbsp;</all>'), /not well-formed/],
    [
      enveloped(`<all xmlns="${NS}" ${Array.from({ length: 1_000_000 }, (_, n) => `a${n}=""`).join(' ')}/>`),
      /more than 64 attributes/,
    ],
    [
      enveloped(`<all xmlns="${NS}" ${Array.from({ length: 100 }, (_, n) => `xmlns:a${n}="urn:${n}"`).join(' ')}/>`),
      /more than 64 attributes/,
    ],
    [enveloped(`${'<a>'.repeat(100_000)}${'</a>'.repeat(100_000)}`), /nested more than 650 levels/],
    [enveloped(`<a>${'<b/>'.repeat(200_000)}</a>`), /more than 100000 elements/],
    [all.slice(0, -20), /not well-formed/],
    ['', /not well-formed/],
    ['{"json": true}', /not well-formed/],
    [`${all}${all}`, /not well-formed/],
    [new Uint8Array([0xff, 0xfe, 0x3c, 0x00]), /not UTF-8/],
    [`<?xml version="1.0" encoding="ISO-8859-1"?>${all}`, /encoding is "ISO-8859-1"; send UTF-8/],
    [`<?xml version="1.1"?>${all}`, /XML 1\.1/],
    [`<?go?>${all}`, /processing instruction/],
    ['<html/>', /its root is "html", and no Envelope/],
    [`<Envelope xmlns="${SOAP11}"/>`, /has no Body/],
    [enveloped(`<all xmlns="${NS}"/><all xmlns="${NS}"/>`), /more than one element/],
    [enveloped(`<echo xmlns="${NS}"><place>\u0000</place></echo>`), /not well-formed/],
  ]
  for (const [body, words] of cases) {
    const { status, content } = await post(to, body)
    assert.deepEqual([status, at(content, 'faultcode')], [500, 'soap:Client'], String(body.slice(0, 80)))
    assert.match(at(content, 'faultstring')!, words)
  }
  const other = await post(to, all.replace(SOAP11, 'urn:soap:2'))
  assert.equal(at(other.content, 'faultcode'), 'soap:VersionMismatch')
  const small = await shop(t, { door: { limits: { body: 1_000 } } })
  assert.match((await post(`${small.url}/orders`, enveloped('x'.repeat(2_000)))).text, /BODY_TOO_LARGE/)
  assert.equal((await ask(`<all xmlns="${NS}"/>`)).status, 200)
})

test('bodies that are not sent as XML in UTF-8 are refused', async (t) => {
  const { url } = await shop(t)
  for (const type of [
    'text/plain',
    'application/json',
    'multipart/related; type="application/xop+xml"',
    'text/xml; charset=utf-16',
    '',
  ]) {
    const { content } = await post(`${url}/orders`, Buffer.from(all), { 'content-type': type })
    assert.match(at(content, 'faultstring')!, /Cannot read a body of type/, type)
  }
  const packed = await post(`${url}/orders`, all, { 'content-type': 'text/xml', 'content-encoding': 'gzip' })
  assert.match(packed.text, /UNSUPPORTED_MEDIA_TYPE/)
  assert.equal((await post(`${url}/orders`, `\ufeff${all}`, { 'content-type': 'Text/XML; charset="UTF-8"' })).status, 200)
})

test('an envelope that is cut anywhere, or altered, is a fault or an answer, and nothing else', { timeout: 300_000 }, () => {
  const limits = { depth: 100, attributes: 10, elements: 1_000 }
  const bytes = Buffer.from(all)
  for (let cut = 0; cut < bytes.length; cut++) assert.throws(() => readXml(bytes.subarray(0, cut), limits), XmlError)
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { maxLength: 5 }), (changes) => {
      const changed = Buffer.from(bytes)
      for (const [place, byte] of changes) changed[place] = byte
      try {
        readXml(changed, limits)
      } catch (error) {
        assert.ok(error instanceof XmlError, String(error))
      }
    }),
    { numRuns: 2_000 },
  )
})

test('more requests than there is room for are told to come again; who says half a thing keeps nobody waiting', async (t) => {
  const { ask, running, url } = await shop(t, { door: { limits: { requests: 1 } } })
  const half = connect(Number(new URL(url).port), '127.0.0.1')
  await once(half, 'connect')
  half.write('POST /soap/orders HTTP/1.1\r\nhost: x\r\ncontent-type: text/xml\r\ncontent-length: 100\r\n')
  const slow = ask(`<fail xmlns="${NS}"><how>slow</how></fail>`, { headers: { 'request-timeout': '50' } }).catch(() => {})
  for (;;) {
    const { status, text } = await ask(`<all xmlns="${NS}"/>`)
    if (status === 200) continue
    assert.deepEqual([status, /code="(\w+)"/.exec(text)?.[1]], [500, 'OVERLOADED'])
    break
  }
  half.destroy()
  await running.stop({ timeout: 50 })
  await slow
})
