/** The pages of one operation and of one event: their types as tables, an example, and how it is called. */
import { curl } from '@dure/console/internal'
import { sampleFor, typeOf, type NamedType, type TypeRef } from 'dure/contract/internal'
import { html, type Html } from 'dure/door/internal'
import { table, type Content, type Setting } from './layout.ts'
import { deprecation, pathOf, type Read } from './pages.ts'
import { typesOfEvent, typesOfOperation, type PublishedEvent, type PublishedOperation } from './published.ts'
import type { Words } from './words.ts'

type Types = ReadonlyMap<string, NamedType>

/** A use of a type; a type that has a name leads to its table. */
function typeText(words: Words, ref: TypeRef): Html {
  const text = bareText(words, ref)
  // What a sentence is made of here is HTML already: signs stand where its parts go.
  return ref.nullable ? filled(words.orNull('\0'), [text]) : text
}

function bareText(words: Words, ref: TypeRef): Html {
  switch (ref.kind) {
    case 'scalar':
      return html`${ref.scalar}`
    case 'list':
    case 'set':
      return filled(words.list('\0'), [typeText(words, ref.items)])
    case 'map':
      return filled(words.mapOf('\0', '\0'), [typeText(words, ref.key), typeText(words, ref.value)])
    case 'record':
      return filled(words.mapOf('string', '\0'), [typeText(words, ref.value)])
    case 'named':
      return html`<a href="#${encodeURIComponent(ref.name)}">${ref.name}</a>`
    case 'json':
      return html`${words.json}`
    case 'nothing':
      return html`null`
  }
}

/** A text of ours with HTML in place of its marks. */
function filled(text: string, parts: readonly Html[]): Html {
  const [first = '', ...rest] = text.split('\0')
  return html`${first}${rest.map((each, at) => html`${parts[at]}${each}`)}`
}

function fieldsTable(words: Words, { name, ...type }: NamedType): Html {
  switch (type.kind) {
    case 'object':
    case 'tuple':
      return table(
        name,
        [words.field, words.type, words.needed, words.description],
        type.fields.map((field) => [
          html`<code>${field.name}</code>`,
          typeText(words, field.type),
          field.optional ? words.no : words.yes,
          field.description ?? '',
        ]),
      )
    case 'enum':
      return html`<p>${words.values}: ${type.values.map((value) => html`<code>${value}</code> `)}</p>`
    case 'union':
      return table(
        name,
        [words.name, words.type],
        type.members.map((member) => [member.name, typeText(words, member.type)]),
      )
  }
}

/** Of a type, and of those within it that no table has shown yet. */
function typeTables(words: Words, types: Types, ref: TypeRef, shown: Set<string>): Html {
  if (ref.kind === 'nothing') return html`<p>${words.nothing}</p>`
  const names: string[] = []
  const visit = (one: TypeRef): void => {
    if (one.kind === 'list' || one.kind === 'set') return visit(one.items)
    if (one.kind === 'map' || one.kind === 'record') {
      if (one.kind === 'map') visit(one.key)
      return visit(one.value)
    }
    if (one.kind !== 'named' || shown.has(one.name)) return
    shown.add(one.name)
    names.push(one.name)
    const type = types.get(one.name)
    if (type === undefined || type.kind === 'enum') return
    for (const part of type.kind === 'union' ? type.members : type.fields) visit(part.type)
  }
  visit(ref)
  // One that is shown at once needs no link to itself.
  const isHere = ref.kind === 'named' && !ref.nullable && names[0] === ref.name
  return html`${isHere ? undefined : html`<p class="type">${typeText(words, ref)}</p>`}
  ${names.map((name) => {
    const type = types.get(name)!
    return html`<h3 id="${encodeURIComponent(name)}">${name}</h3>
      <p>${type.description}</p>
      ${fieldsTable(words, type)}`
  })}`
}

/** Undefined where nothing goes in, or where an example needs thought. */
function exampleOf(schema: PublishedOperation['input']): unknown {
  try {
    return schema === undefined ? undefined : sampleFor(typeOf(schema))
  } catch {
    return undefined
  }
}

const code = (label: string, text: string): Html => html`<pre tabindex="0" aria-label="${label}"><code>${text}</code></pre>`

const back = (product: string, { version }: Read): Html =>
  html`<p class="quiet"><a href="${pathOf(['products', product], version.line)}">${product}</a> ${version.version}</p>`

type Named<T> = { readonly product: string; readonly name: string; readonly described: T; readonly read: Read }

export function operationPage(setting: Setting, { product, name, described, read }: Named<PublishedOperation>): Content {
  const { words } = setting
  const { input, incoming, output, errors, types } = typesOfOperation(product, name, described)
  const shown = new Set<string>()
  const example = exampleOf(described.input)
  const { http, description, idempotent, kind, scope, roles } = described
  const sample = curl({ service: product, operation: name, kind, routes: http?.routes ?? [] }, example, 'x-api-key: $KEY')
  const needs = [
    ...(scope === undefined ? [] : [`${words.scope}: ${scope}`]),
    ...(roles ? [`${words.roles}: ${roles.join(', ')}`] : []),
  ]
  const rows = Object.entries(described.errors).map(([each, { status, http: answered, description: why = '' }]) => {
    const data = errors.get(each)!
    return [html`<code>${each}</code>`, `${answered} ${status}`, data.kind === 'nothing' ? '' : typeText(words, data), why]
  })
  const body = html`${back(product, read)}${deprecation(setting, read.version)}
    <p>${description}</p>
    <p class="quiet">${[words.kinds[kind] ?? kind, ...needs, ...(idempotent ? [words.idempotent] : [])].join(' · ')}</p>
    <h2>${words.call}</h2>
    ${
      sample === undefined
        ? html`<p>${words.notOverHttp}</p>`
        : html`<p>${http?.routes.map((route) => html`<code>${route}</code> `)}</p>
            <p class="quiet">${words.callHint}</p>
            ${code('curl', sample)}`
    }
    <h2>${words.input}</h2>
    ${typeTables(words, types, input, shown)}
    ${
      example === undefined
        ? undefined
        : html`<h3>${words.example}</h3>
            ${code(words.example, JSON.stringify(example, undefined, 2))}`
    }
    ${
      described.incoming === undefined
        ? undefined
        : html`<h2>${words.sent}</h2>
            ${typeTables(words, types, incoming, shown)}`
    }
    <h2>${words.output}</h2>
    ${typeTables(words, types, output, shown)}
    <h2>${words.errors}</h2>
    ${
      rows.length === 0
        ? html`<p>${words.nothing}</p>`
        : table(words.errors, [words.code, words.status, words.data, words.description], rows)
    }
    ${[...errors.values()]
      .filter((data) => data.kind === 'named' && !shown.has(data.name))
      .map((data) => typeTables(words, types, data, shown))}`
  return { title: name, body }
}

/** @param offered whether webhooks may have it */
export function eventPage(
  setting: Setting,
  { product, name, described, read, offered }: Named<PublishedEvent> & { readonly offered: boolean },
): Content {
  const { words } = setting
  const { ref, types } = typesOfEvent(name, described)
  const facts = [
    `${words.version} ${described.version}`,
    ...(described.key === undefined ? [] : [`${words.key} ${described.key}`]),
  ]
  const example = exampleOf(described.schema)
  const body = html`${back(product, read)}${deprecation(setting, read.version)}
    <p>${described.description}</p>
    <p class="quiet">${[...facts, `${words.topic} ${described.topic}`].join(' · ')}</p>
    ${offered ? html`<p>${words.eventHint}</p>` : undefined}
    <h2>${words.data}</h2>
    ${typeTables(words, types, ref, new Set())}
    ${
      example === undefined
        ? undefined
        : html`<h3>${words.example}</h3>
            ${code(words.example, JSON.stringify(example, undefined, 2))}`
    }`
  return { title: name, body }
}
