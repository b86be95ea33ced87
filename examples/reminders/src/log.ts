/** The part of a logger that the service uses; pino, which Fastify logs with, has it. */
export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
