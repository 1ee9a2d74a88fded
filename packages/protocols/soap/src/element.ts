/** Elements of the documents that are drawn, written with one level a line. */
import { attributeToXml, wordsToXml } from './xml.ts'

export type Drawn = {
  readonly name: string
  readonly attributes: Readonly<Record<string, string | undefined>>
  readonly children: readonly Drawn[]
  readonly text?: string
}

export function draw(name: string, attributes: Drawn['attributes'] = {}, ...children: readonly (Drawn | undefined)[]): Drawn {
  return { name, attributes, children: children.filter((child) => child !== undefined) }
}

export function drawText(name: string, text: string): Drawn {
  return { name, attributes: {}, children: [], text }
}

export function documentText(root: Drawn): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${textOf(root, '')}`
}

function textOf({ name, attributes, children, text }: Drawn, indent: string): string {
  const own = Object.entries(attributes).map(([key, value]) => (value === undefined ? '' : ` ${key}="${attributeToXml(value)}"`))
  const open = `${indent}<${name}${own.join('')}`
  if (text !== undefined) return `${open}>${wordsToXml(text)}</${name}>\n`
  if (children.length === 0) return `${open}/>\n`
  return `${open}>\n${children.map((child) => textOf(child, `${indent}  `)).join('')}${indent}</${name}>\n`
}
