/** The pages of products: all of them, one, and what is found. */
import type { ContractDescription } from 'dure/contract'
import { html, type Html } from 'dure/door/internal'
import type { Described, Product } from './asked.ts'
import { MOST_HITS } from './catalogue.ts'
import { table, type Content, type Setting } from './layout.ts'
import type { Hit } from './search.ts'
import type { Words } from './words.ts'

/** Path of a page; each part may be anything. */
export const pathOf = (parts: readonly string[], line?: string): string =>
  `/${parts.map(encodeURIComponent).join('/')}${line === undefined ? '' : `?line=${encodeURIComponent(line)}`}`

/** The last day that there is. */
const LATEST = 8.64e15

export const dateOf = (at: number): Html => {
  const date = new Date(Math.min(at, LATEST)).toISOString().slice(0, 10)
  return html`<time datetime="${date}">${date}</time>`
}

const list = (items: readonly Html[]): Html =>
  html`<ul class="cards">
    ${items.map((item) => html`<li>${item}</li>`)}
  </ul>`

export function homePage({ words }: Setting, products: readonly Product[]): Content {
  const cards = products.map(
    ({ name, owner, summary, versions }) =>
      html`<h2><a href="${pathOf(['products', name])}">${name}</a></h2>
        <p>${summary}</p>
        <p class="quiet">${words.owner} ${owner} · ${versions.map(({ version }) => version).join(', ')}</p>`,
  )
  return { title: words.products, body: cards.length === 0 ? html`<p>${words.noProducts}</p>` : list(cards) }
}

export function foundPage({ words }: Setting, query: string, hits: readonly Hit[]): Content {
  const cards = hits.map(({ kind, product, name, summary }) => {
    const path = kind === 'product' ? pathOf(['products', product]) : pathOf(['products', product, `${kind}s`, name])
    return html`<h2><a href="${path}">${name}</a></h2>
      <p>${summary}</p>
      <p class="quiet">${words.kinds[kind]}${kind === 'product' ? undefined : ` · ${product}`}</p>`
  })
  const more = hits.length === MOST_HITS ? html`<p class="quiet">${words.first(MOST_HITS)}</p>` : undefined
  return { title: words.results(query), body: html`${hits.length === 0 ? html`<p>${words.none}</p>` : list(cards)}${more}` }
}

/** Said on each page of a line that is to be left. */
export function deprecation({ words }: Setting, { deprecated, sunset }: Described): Html | undefined {
  if (deprecated === undefined) return undefined
  return html`<p class="warn">
    ${words.deprecated} ${dateOf(deprecated)}${sunset === undefined ? undefined : html` · ${words.sunset} ${dateOf(sunset)}`}
  </p>`
}

export type Read = { readonly version: Described; readonly contract: ContractDescription }

export function productPage(setting: Setting, product: Product, { version, contract }: Read): Content {
  const { words } = setting
  const { name, owner, summary, plans } = product
  const own = (kind: 'operations' | 'events', each: string): Html =>
    html`<a href="${pathOf(['products', name, kind, each], version.line)}">${each}</a>`
  const operations = Object.entries(contract.operations).map(([each, { kind, http, description = '', deprecated }]) => [
    own('operations', each),
    words.kinds[kind] ?? kind,
    html`<code>${http?.routes[0]}</code>`,
    html`${deprecated ? html`<span class="warn">${words.deprecated}</span> ` : undefined}${description}`,
  ])
  const events = Object.entries(contract.events).map(([each, { version: one, description = '' }]) => [
    own('events', each),
    String(one),
    description,
  ])
  const body = html`${deprecation(setting, version)}
    <p>${summary ?? contract.description}</p>
    <p class="quiet">${words.owner} ${owner} · ${words.version} ${version.version}</p>
    <h2>${words.operations}</h2>
    ${
      operations.length === 0
        ? html`<p>${words.nothing}</p>`
        : table(words.operations, [words.name, words.kind, words.http, words.description], operations)
    }
    <h2>${words.events}</h2>
    ${
      events.length === 0
        ? html`<p>${words.nothing}</p>`
        : table(words.events, [words.name, words.version, words.description], events)
    }
    <h2>${words.plans}</h2>
    ${plans.length === 0 ? html`<p>${words.noPlans}</p>` : plansTable(words, plans)}
    <h2>${words.lines}</h2>
    ${linesTable(words, product, version.line)}`
  return { title: name, body }
}

function plansTable(words: Words, plans: Product['plans']): Html {
  const limits = ({ rate, quota, body, operations }: Product['plans'][number]): string =>
    [
      rate && words.rate(rate.calls, rate.per, rate.burst),
      quota && words.quota(quota.calls, quota.per, quota.zone),
      body === undefined ? undefined : words.body(body),
      operations && words.only(operations.join(', ')),
    ]
      .filter((limit) => limit !== undefined)
      .join('; ')
  const rows = plans.map((plan) => [plan.name, limits(plan), words.approvals[plan.approval]])
  return table(words.plans, [words.plan, words.limits, words.approval], rows)
}

function linesTable(words: Words, { name, versions }: Product, shown: string): Html {
  const rows = versions.map(({ line, version, published, deprecated, sunset }) => [
    line === shown ? html`<b>${line}</b> (${words.shown})` : html`<a href="${pathOf(['products', name], line)}">${line}</a>`,
    ...[version, dateOf(published)],
    ...[deprecated, sunset].map((at) => (at === undefined ? '' : dateOf(at))),
  ])
  return table(words.lines, [words.line, words.version, words.published, words.deprecated, words.sunset], rows)
}
