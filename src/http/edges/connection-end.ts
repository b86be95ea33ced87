import type { Socket } from 'node:net';

type Listener = () => void;

const listenersOf = new WeakMap<Socket, Set<Listener>>();

/**
 * Calls the listener when a connection is closed: at once if it is already. However many listeners there are, the connection
 * has one of them all, because Node warns of a leak at the eleventh.
 *
 * @returns a function that ends the listening.
 */
export function onConnectionEnd(socket: Socket, listener: Listener): () => void {
  if (socket.destroyed) listener();
  const listeners = listenersOf.get(socket) ?? listen(socket);
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function listen(socket: Socket): Set<Listener> {
  const listeners = new Set<Listener>();
  listenersOf.set(socket, listeners);
  socket.once('close', () => {
    for (const listener of listeners) listener();
  });
  return listeners;
}
