/** Who is where: the Registry port, and what it knows of running services. */
export type { Address, Instance, Registration, Registry } from './registry.ts'
