import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SaxesParser } from 'saxes'
import { readXml } from './xml-reader.ts'
import { XmlError, type XmlElement } from './xml.ts'

const LIMITS = { depth: 100, attributes: 100, elements: 10_000 }
const read = (text: string): XmlElement => readXml(Buffer.from(text), LIMITS)

type Seen = {
  readonly name: string
  readonly attributes: readonly (readonly [string, string])[]
  readonly inside: readonly Seen[]
  text: string
}

const seen = ({ uri, local, attributes, children, text }: XmlElement): Seen => ({
  ...{ name: `{${uri}}${local}`, attributes: [...(attributes ?? [])].toSorted(), inside: children.map(seen), text },
})

/** The same by another parser; undefined where that takes it for no XML, or it has what SOAP forbids. */
function bySaxes(text: string): Seen | undefined {
  const parser = new SaxesParser({ xmlns: true, position: false })
  const open: (Seen & { inside: Seen[] })[] = []
  let root: Seen | undefined
  let isRight = true
  const wrong = (): void => void (isRight = false)
  parser.on('error', wrong)
  parser.on('doctype', wrong)
  parser.on('processinginstruction', wrong)
  parser.on('xmldecl', ({ version, encoding = 'UTF-8' }) => {
    if (version !== '1.0' || !/^utf-?8$/i.test(encoding)) wrong()
  })
  parser.on('opentag', ({ uri, local, attributes }) => {
    const own = Object.values(attributes).filter((one) => one.uri !== 'http://www.w3.org/2000/xmlns/')
    const element = {
      ...{ name: `{${uri}}${local}`, inside: [], text: '' },
      attributes: own.map((one) => [`{${one.uri}}${one.local}`, one.value] as const).toSorted(),
    }
    root ??= element
    open.at(-1)?.inside.push(element)
    open.push(element)
  })
  const add = (part: string): void => void (open.length > 0 && (open.at(-1)!.text += part))
  parser.on('text', add)
  parser.on('cdata', add)
  parser.on('closetag', () => void open.pop())
  parser.write(text).close()
  return isRight ? root : undefined
}

function same(text: string): void {
  let own: Seen | undefined
  try {
    own = seen(read(text))
  } catch (error) {
    assert.ok(error instanceof XmlError, `${JSON.stringify(text)}: ${String(error)}`)
  }
  assert.deepEqual(own, bySaxes(text), JSON.stringify(text))
}

test('what XML can be said in is read as another parser reads it, and refused where that refuses it', () => {
  const pieces = [
    ...[
      '<a>',
      '</a>',
      '<a/>',
      '<b>',
      '</b>',
      '<p:a>',
      '</p:a>',
      '<é>',
      '</é>',
      '<p:>',
      '<:a>',
      '<a:b:c/>',
      '<1/>',
      '< a>',
      '</a >',
      '</ a>',
    ],
    ...[
      '<a xmlns="urn:1">',
      '<a xmlns:p="urn:2">',
      '<a xmlns:p="">',
      "<a xmlns=''>",
      '<p:a xmlns:p="urn:3">',
      '<a xmlns:xml="urn:4">',
    ],
    ...[
      '<a xmlns:p="urn:2" xmlns:q="urn:2" p:x="1" q:x="2">',
      '<a x="1" x="2">',
      '<a x="1"y="2">',
      '<a x=1>',
      '<a x>',
      "<a x = '1' >",
      '<xmlns:a/>',
    ],
    ...[
      '<a x="&lt;&#10;\n\t&#9;">',
      '<a x="<">',
      '<a xml:lang="ko">',
      '<a xmlns="http://www.w3.org/2000/xmlns/">',
      '<a xmlns:xmlns="urn:5">',
    ],
    ...[
      'text',
      '서울',
      '😀',
      ' ',
      '\n',
      '\r\n',
      '\r',
      '\t',
      '&amp;',
      '&apos;',
      '&#x41;',
      '&#13;',
      '&#0;',
      '&#xD800;',
      '&nbsp;',
      '&',
      '&#;',
      '&lt',
      ']]>',
      ']]',
      '>',
      '"',
    ],
    ...[
      '<![CDATA[x<&]]>',
      '<![CDATA[',
      ']]>',
      '<!-- c -->',
      '<!-- a -- b -->',
      '<!--',
      '-->',
      '<!---->',
      '<?go?>',
      '<!DOCTYPE a>',
      '<!x>',
      '\ufeff',
      '\u0001',
      '\ufffe',
    ],
    ...[
      '<?xml version="1.0"?>',
      '<?xml version="1.0" encoding="utf-8" standalone="yes"?>',
      "<?xml version='1.1'?>",
      '<?xml encoding="UTF-8"?>',
      '<',
      '/',
      '=',
    ],
  ]
  for (const one of pieces) {
    same(one)
    for (const [before, behind] of [
      ['<a>', '</a>'],
      ['<a xmlns:p="urn:p">', '</a>'],
      ['', '<a/>'],
      ['<a/>', ''],
    ] as const)
      same(before + one + behind)
  }
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 8 }), (some) => same(some.join(''))),
    { numRuns: 3_000 },
  )
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 8 }), (some) =>
      same(`<a xmlns:p="urn:p">${some.join('')}</a>`),
    ),
    { numRuns: 3_000 },
  )
})

test('elements of names and depths that fit are read whatever they hold', () => {
  const word = fc.stringMatching(/^[a-zé_][\w.-]{0,5}$/)
  const { element } = fc.letrec<{ element: string }>((tie) => ({
    element: fc
      .tuple(
        word,
        fc.array(
          fc.oneof({ depthSize: 'small' }, fc.constantFrom('x', '&amp;', ' ', '<![CDATA[<]]>', '<!-- -->'), tie('element')),
          { maxLength: 4 },
        ),
      )
      .map(([name, inside]) => `<${name} xmlns="urn:${name}" at='&#10;"'>${inside.join('')}</${name}\n>`),
  }))
  fc.assert(
    fc.property(element, (text) => same(`<?xml version="1.0"?>\n${text}\n`)),
    { numRuns: 300 },
  )
})
