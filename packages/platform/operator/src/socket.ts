import { socketPath as pathOf } from 'dure/runtime/internal'

/** Where the control socket of a data directory is, or that of its supervisor. */
export function socketPath(directory: string, name: 'control' | 'supervisor' = 'control'): string {
  return pathOf(directory, name)
}
