import type { OperationListing, ServiceListing, SystemListing } from './control/control.ts'
import { counted } from './format.ts'
import { paint } from './shell.ts'
import { hang, table } from '@dure/simulation/text/internal'

type Layout = { readonly columns: number; readonly color: boolean }

/** A system for people: every service with its operations, routes and events. */
export function describeSystem(listing: SystemListing, layout: Layout): string {
  const operations = listing.services.reduce((sum, service) => sum + service.operations.length, 0)
  const events = listing.services.reduce((sum, service) => sum + service.events.length, 0)
  const running = listing.pid === undefined ? '' : `, running as process ${listing.pid}`
  const counts = `${counted(listing.services.length, 'service')}, ${counted(operations, 'operation')}, ${counted(events, 'event')}${running}`
  return [
    `${paint(layout, 'bold', listing.system)}: ${counts}`,
    ...listing.services.map((service) => describeService(service, layout)),
  ].join('\n\n')
}

/** The services alone, one a line: what `dure dev` prints. */
export function servicesTable(listing: SystemListing, layout: Layout): string {
  const head = ['SERVICE', 'VERSION', 'OWNER', 'OPERATIONS', 'EVENTS']
  const rows = listing.services.map((s) => [s.name, s.version, s.owner, String(s.operations.length), String(s.events.length)])
  const [first = '', ...rest] = table([head, ...rows], { columns: layout.columns, indent: '  ' })
  return [paint(layout, 'dim', first), ...rest].join('\n')
}

function describeService(service: ServiceListing, layout: Layout): string {
  const lines = [`${paint(layout, 'cyan', service.name)} ${service.version}  ${paint(layout, 'dim', `owner ${service.owner}`)}`]
  if (service.description !== undefined) lines.push(hang('  ', service.description, layout.columns))
  const rows = service.operations.flatMap((operation) => {
    const [first = '', ...more] = operation.routes
    return [[operation.name, operation.kind, first, notes(operation)], ...more.map((route) => ['', '', route, ''])]
  })
  if (rows.length > 0) lines.push(...table(rows, { columns: layout.columns, indent: '  ' }))
  if (service.events.length > 0) {
    const events = service.events.map(({ name, version }) => `${name} v${version}`).join(', ')
    lines.push(hang(`  ${paint(layout, 'dim', 'announces')}  `, events, layout.columns))
  }
  return lines.join('\n')
}

function notes({ deprecated, kind, idempotent, ...rules }: OperationListing): string {
  const words = [deprecated ? 'deprecated' : '', kind === 'command' && idempotent ? 'idempotent' : '', accessText(rules)]
  return words.filter(Boolean).join(', ')
}

function accessText({
  access,
  scope,
  roles = [],
  authorize,
}: Pick<OperationListing, 'access' | 'scope' | 'roles' | 'authorize'>): string {
  if (access === 'public') return ''
  const needs = [
    scope ?? '',
    roles.length === 0 ? '' : `role ${roles.join(' or ')}`,
    authorize ? 'what the caller may do with its input' : '',
  ].filter(Boolean)
  return `needs ${needs.join(' and ') || 'a caller who says who it is'}`
}
