import type { Finding } from './finding.ts'
import { isTest, outsiders, serviceRules } from './rules.ts'
import type { Import, Source, Tree } from './sources.ts'

/** Services of an example know each other by contract only, and are hexagonal inside: the domain knows nobody. */
export function checkServices({ sources }: Tree): readonly Finding[] {
  return [...sources.values()].flatMap((source) =>
    source.path.startsWith('examples/')
      ? source.imports.flatMap((each) =>
          [neighbour(source, each), domain(source, each), outsider(source, each)].filter((found) => found !== undefined),
        )
      : [],
  )
}

function neighbour(source: Source, { specifier, target, line }: Import): Finding | undefined {
  const [own, other] = [serviceOf(source.path), target === undefined ? undefined : serviceOf(target)]
  if (own === undefined || other === undefined || own.service === other.service) return undefined
  if (other.rest === serviceRules.contract) return undefined
  return {
    file: source.path,
    line,
    rule: 'services',
    found: `The service "${own.service}" imports "${specifier}" of the service "${other.service}".`,
    remedy: `Import its "${serviceRules.contract}": a service is reached through its promise only.`,
  }
}

function domain(source: Source, { specifier, target, line }: Import): Finding | undefined {
  const own = serviceOf(source.path)
  if (own === undefined || isTest(source.path) || !own.rest.startsWith(`${serviceRules.domain}/`)) return undefined
  if ((serviceRules.domainMayImport as readonly string[]).includes(specifier)) return undefined
  if (target !== undefined) {
    const other = serviceOf(target)
    if (other?.service === own.service && other.rest.startsWith(`${serviceRules.domain}/`)) return undefined
    if (other?.rest === serviceRules.contract) return undefined
    if (isSharedWord(target)) return undefined
  }
  return {
    file: source.path,
    line,
    rule: 'hexagon',
    found: `The domain of "${own.service}" imports "${specifier}".`,
    remedy: 'A domain knows its own files and contracts. Let an adapter import the domain, and hand in what it needs.',
  }
}

function outsider(source: Source, { specifier, target, line }: Import): Finding | undefined {
  const [, , folder] = source.path.split('/')
  if (!outsiders.includes(folder!) || target === undefined) return undefined
  const other = serviceOf(target)
  if (other === undefined || other.rest === serviceRules.contract) return undefined
  return {
    file: source.path,
    line,
    rule: 'outsiders',
    found: `"${folder}" imports "${specifier}" of the service "${other.service}".`,
    remedy: 'It stands outside: use the HTTP door, or a contract’s types.',
  }
}

/** A file directly in `services/`: `examples/shop/services/money.ts`. */
function isSharedWord(path: string): boolean {
  const parts = path.split('/')
  return parts[0] === 'examples' && parts[2] === 'services' && parts.length === 4
}

/** `examples/shop/services/cart/domain/cart.ts` → service `examples/shop/services/cart`, rest `domain/cart.ts`. */
function serviceOf(path: string): { readonly service: string; readonly rest: string } | undefined {
  const parts = path.split('/')
  if (parts[0] !== 'examples' || parts[2] !== 'services' || parts.length < 5) return undefined
  return { service: parts[3]!, rest: parts.slice(4).join('/') }
}
