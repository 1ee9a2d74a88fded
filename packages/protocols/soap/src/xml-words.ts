/** What names and entities XML has. */

export const XML = 'http://www.w3.org/XML/1998/namespace'
export const XMLNS = 'http://www.w3.org/2000/xmlns/'

const PLAIN = /^[A-Za-z_][\w.-]*(?::[A-Za-z_][\w.-]*)?$/
const START =
  'A-Z_a-z\\xC0-\\xD6\\xD8-\\xF6\\xF8-\\u{2FF}\\u{370}-\\u{37D}\\u{37F}-\\u{1FFF}\\u{200C}\\u{200D}\\u{2070}-\\u{218F}\\u{2C00}-\\u{2FEF}\\u{3001}-\\u{D7FF}\\u{F900}-\\u{FDCF}\\u{FDF0}-\\u{FFFD}\\u{10000}-\\u{EFFFF}'
const PART = `[${START}][${START}\\-.0-9\\xB7\\u{300}-\\u{36F}\\u{203F}\\u{2040}]*`
/** Source: XML 1.0, fifth edition, section 2.3; Namespaces in XML 1.0, section 4. */
const NAME = new RegExp(`^${PART}(?::${PART})?$`, 'u')

/** Whether it is a name, with a prefix or without. */
export function isXmlName(name: string): boolean {
  return PLAIN.test(name) || NAME.test(name)
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }
const REFERENCE = /&(?:#x([\da-fA-F]{1,8})|#(\d{1,10})|(\w{2,4}));|&/g

/** Text with what its references stand for; undefined when one stands for nothing that may be there. */
export function expandedText(text: string): string | undefined {
  let isRight = true
  const expanded = text.replaceAll(REFERENCE, (_, hex?: string, decimal?: string, name?: string) => {
    const code = hex === undefined ? (decimal === undefined ? undefined : Number(decimal)) : Number.parseInt(hex, 16)
    const found =
      code === undefined ? (name !== undefined && Object.hasOwn(ENTITIES, name) ? ENTITIES[name] : undefined) : charOf(code)
    if (found === undefined) isRight = false
    return found ?? ''
  })
  return isRight ? expanded : undefined
}

/** Source: XML 1.0, section 2.2. */
function charOf(code: number): string | undefined {
  const isChar =
    (code >= 0x20 && code <= 0xd7ff) ||
    (code >= 0xe000 && code <= 0xfffd) ||
    (code >= 0x10000 && code <= 0x10ffff) ||
    code === 9 ||
    code === 10 ||
    code === 13
  return isChar ? String.fromCodePoint(code) : undefined
}
