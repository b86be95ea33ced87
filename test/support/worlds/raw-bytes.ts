import { connect } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** Sends bytes as they are, since clients mend odd requests, and returns what is answered until the connection is closed. */
export async function sendBytes(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(bytes, 'latin1');
  return (await buffer(socket)).toString('latin1');
}
