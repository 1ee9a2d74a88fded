import type { OperationListing, ServiceListing, SystemListing } from './control/control.ts'
import { counted } from './format.ts'
import { paint } from './shell.ts'
import { hang, table } from '@dure/simulation/text/internal'

type Look = { readonly columns: number; readonly color: boolean }

/** A system for people: every service with its operations, routes and events. */
export function describeSystem(listing: SystemListing, look: Look): string {
  const operations = listing.services.reduce((sum, service) => sum + service.operations.length, 0)
  const events = listing.services.reduce((sum, service) => sum + service.events.length, 0)
  const running = listing.pid === undefined ? '' : `, running as process ${listing.pid}`
  const counts = `${counted(listing.services.length, 'service')}, ${counted(operations, 'operation')}, ${counted(events, 'event')}${running}`
  return [
    `${paint(look, 'bold', listing.system)}: ${counts}`,
    ...listing.services.map((service) => describeService(service, look)),
  ].join('\n\n')
}

/** The services alone, one a line: what `dure dev` prints. */
export function servicesTable(listing: SystemListing, look: Look): string {
  const head = ['SERVICE', 'VERSION', 'OWNER', 'OPERATIONS', 'EVENTS']
  const rows = listing.services.map((s) => [s.name, s.version, s.owner, String(s.operations.length), String(s.events.length)])
  const [first = '', ...rest] = table([head, ...rows], { columns: look.columns, indent: '  ' })
  return [paint(look, 'dim', first), ...rest].join('\n')
}

function describeService(service: ServiceListing, look: Look): string {
  const lines = [`${paint(look, 'cyan', service.name)} ${service.version}  ${paint(look, 'dim', `owner ${service.owner}`)}`]
  if (service.description !== undefined) lines.push(hang('  ', service.description, look.columns))
  const rows = service.operations.flatMap((operation) => {
    const [first = '', ...more] = operation.routes
    return [[operation.name, operation.kind, first, notes(operation)], ...more.map((route) => ['', '', route, ''])]
  })
  if (rows.length > 0) lines.push(...table(rows, { columns: look.columns, indent: '  ' }))
  if (service.events.length > 0) {
    const events = service.events.map(({ name, version }) => `${name} v${version}`).join(', ')
    lines.push(hang(`  ${paint(look, 'dim', 'announces')}  `, events, look.columns))
  }
  return lines.join('\n')
}

function notes({ deprecated, scope, kind, idempotent }: OperationListing): string {
  const words = [
    deprecated ? 'deprecated' : '',
    kind === 'command' && idempotent ? 'idempotent' : '',
    scope === undefined ? '' : `needs ${scope}`,
  ]
  return words.filter(Boolean).join(', ')
}
