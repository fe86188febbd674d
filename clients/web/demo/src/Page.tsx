import { BreakIt } from './BreakIt';
import { Dispatch } from './dispatch/Dispatch';
import { Goals } from './goals/Goals';
import { Images } from './images/Images';
import { Notifications } from './notifications/Notifications';
import { Vehicles } from './vehicles/Vehicles';

export function Page() {
  return (
    <>
      <a className="skip" href="#vehicles">
        Skip to the applications
      </a>
      <header className="top">
        <img src="./icon.svg" width={48} height={48} alt="" />
        <div>
          <h1>Weir</h1>
          <p>Five applications, live. Their services publish over gRPC; what you see came through Weir.</p>
        </div>
        <nav aria-label="Applications">
          <a href="#vehicles">Vehicles</a>
          <a href="#goals">Goals</a>
          <a href="#dispatch">Dispatch</a>
          <a href="#notifications">Notifications</a>
          <a href="#images">Images</a>
        </nav>
      </header>
      <BreakIt />
      <main>
        <Vehicles />
        <Goals />
        <Dispatch />
        <Notifications />
        <Images />
      </main>
    </>
  );
}
