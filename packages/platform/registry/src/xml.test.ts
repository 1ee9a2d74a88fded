import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { checkInstance, instanceJson, valueOfXml, xmlOf, type EurekaInstance, type RegistryRecord } from './instance.ts'
import { keyOfName, nameOfKey, parseXml } from './xml.ts'

const record: RegistryRecord = {
  status: 'UP',
  overridden: 'UNKNOWN',
  action: 'ADDED',
  registered: 1,
  renewed: 2,
  up: 3,
  updated: 4,
}
const limits = { longestLease: 3_600, instanceSize: 65_536 }

/** What XML can hold. */
const xmlText = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((text) => !/\p{Cc}|[\uFFFE\uFFFF]/u.test(text))
const line = xmlText.map((text) => `x${text}x`)
const instances: fc.Arbitrary<EurekaInstance> = fc.record({
  app: fc.stringMatching(/^[A-Z][A-Z0-9-]{0,9}$/),
  id: fc.stringMatching(/^[\w.:-]{1,20}$/).filter((id) => !/^\.+$/.test(id)),
  hostName: line,
  ipAddr: line,
  vipAddress: line,
  status: fc.constantFrom('UP', 'DOWN', 'STARTING', 'OUT_OF_SERVICE', 'UNKNOWN'),
  port: fc.record({ port: fc.nat(65_535), enabled: fc.boolean() }),
  securePort: fc.record({ port: fc.nat(65_535), enabled: fc.boolean() }),
  countryId: fc.nat(200),
  dataCenter: fc.constant({ class: 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo', name: 'MyOwn' }),
  lease: fc.integer({ min: 1, max: 3_600 }).map((duration) => ({ renewal: Math.ceil(duration / 3), duration })),
  metadata: fc.dictionary(
    fc.string({ unit: 'binary', maxLength: 12 }).filter((key) => key !== '@class' && key.isWellFormed() && !key.includes('\0')),
    xmlText,
    { maxKeys: 5 },
  ),
  dirty: fc.nat(2 ** 40),
}) as fc.Arbitrary<EurekaInstance>

test('an instance is the same after JSON, and after XML, whatever its texts and keys', () => {
  fc.assert(
    fc.property(instances, (instance) => {
      const json = JSON.parse(JSON.stringify(instanceJson(instance, { ...record, status: instance.status }))) as object
      const xml = valueOfXml(parseXml(xmlOf('instance', json)))
      for (const read of [checkInstance(json, limits), checkInstance(xml, limits)])
        assert.deepEqual(structuredClone(read), structuredClone(instance))
    }),
  )
})

test('every key has a name in XML, and comes back', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 20 }), (key) => {
      const name = nameOfKey(key)
      assert.equal(keyOfName(name), key)
      assert.equal(parseXml(`<a><${name}>x</${name}></a>`).children[0]?.name, name)
    }),
  )
  // As XStream writes them.
  assert.deepEqual(['versions_delta', 'a$b', 'a b'].map(nameOfKey), ['versions__delta', 'a_-b', 'a_.0020b'])
})

test('what is no XML is refused in words, and nothing of it is looked up', () => {
  const wrong: readonly (readonly [xml: string, why: RegExp])[] = [
    ['', /an element is to begin/],
    ['<instance><app>ORDER</app>', /<instance> is not closed/],
    ['<instance><app>ORDER</ap', /an element is to begin/],
    ['<a><b></a></b>', /<b> is closed by <\/a>/],
    ['<a/><b/>', /something follows/],
    ['<a>text<b/></a>', /text beside elements/],
    ['<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', /an element is to begin/],
    ['<a>&b;</a>', /"&b;" stands for nothing/],
    ['<a>&#0;</a>', /stands for nothing/],
    ['<a>&#xD800;</a>', /stands for nothing/],
    ['<a>\u0001</a>', /does not allow/],
    [`${'<a>'.repeat(17)}${'</a>'.repeat(17)}`, /more than 16 elements/],
  ]
  for (const [xml, why] of wrong) assert.throws(() => parseXml(xml), why, xml)
  const read = parseXml('\uFEFF<?xml version="1.0"?>\n<!-- a --> <a x="1" y=\'&lt;\'><b>1 &amp; <![CDATA[<2>]]></b> <c/></a>\n')
  assert.deepEqual([read.attributes, read.children.map(({ text }) => text)], [{ x: '1', y: '<' }, ['1 & <2>', '']])
})

test('any text at all is read or refused in words', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      try {
        parseXml(text)
      } catch (error) {
        assert.match((error as Error).message, /^it is not XML: /)
      }
    }),
  )
  // And in time that grows with its length alone.
  for (const text of [
    `<a ${' '.repeat(900_000)}`,
    `<a${' b="c"'.repeat(150_000)}`,
    `<!--${'-'.repeat(900_000)}`,
    `<a>${'&'.repeat(900_000)}`,
  ])
    assert.throws(() => parseXml(text), /it is not XML/)
})
