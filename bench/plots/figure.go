// Package plots draws what was measured: cost against batch size, voters, the length of the log, the number of groups.
package plots

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Figure is one plot: a line with quartiles for each library. Both axes are logarithmic.
type Figure struct {
	// Name is the file's name without its ending.
	Name string
	// Title, X and Y are what it shows, and the axes with their units.
	Title, X, Y string
	Lines       []Line
}

// Line is the points of one library.
type Line struct {
	// Library is the library's ID: it decides colour and shape. Label is what the legend says.
	Library, Label string
	Points         []Point
}

// Point is a median with its quartiles.
type Point struct {
	X, Low, Median, High float64
}

const (
	width  = 7 * vg.Inch
	height = 4.2 * vg.Inch
	margin = vg.Length(8)

	// typeface is what the text is measured with, fallbacks others of the same width that a browser may have instead.
	typeface  = "Liberation Sans"
	fallbacks = ", Arial, Helvetica, sans-serif"
)

// SVG draws the figure on white, so that it can be read on a dark page too.
func (f Figure) SVG() ([]byte, error) {
	p := plot.New()
	p.Title.Text = f.Title
	p.Title.Padding = vg.Points(8)
	p.X.Label.Text, p.Y.Label.Text = f.X, f.Y
	for _, style := range []*text.Style{&p.Title.TextStyle, &p.X.Label.TextStyle, &p.Y.Label.TextStyle, &p.X.Tick.Label,
		&p.Y.Tick.Label, &p.Legend.TextStyle} {
		style.Font.Variant = "Sans"
	}
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.X.Tick.Marker = plot.ConstantTicks(f.ticks())
	p.Y.Tick.Marker = plot.TickerFunc(decades)
	p.Legend.Top = true
	p.Legend.Padding = vg.Points(2)
	p.Legend.ThumbnailWidth = vg.Points(24)
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = color.Gray{0xe0}, color.Gray{0xe0}
	p.Add(grid)
	for _, line := range f.Lines {
		if err := line.add(p); err != nil {
			return nil, fmt.Errorf("drawing %s, %s: %w", f.Name, line.Label, err)
		}
	}
	f.makeRoom(p)
	canvas := vgsvg.New(width, height)
	whole := draw.New(canvas)
	whole.FillPolygon(color.White, []vg.Point{{}, {X: width}, {X: width, Y: height}, {Y: height}})
	p.Draw(draw.Crop(whole, margin, -margin, margin, -margin))
	var out bytes.Buffer
	if _, err := canvas.WriteTo(&out); err != nil {
		return nil, fmt.Errorf("drawing %s: %w", f.Name, err)
	}
	return bytes.ReplaceAll(out.Bytes(), []byte(typeface), []byte(typeface+fallbacks)), nil
}

// add draws the line with its points and quartiles, and names it in the legend.
func (l Line) add(p *plot.Plot) error {
	line, points, err := plotter.NewLinePoints(l)
	if err != nil {
		return err
	}
	bars, err := plotter.NewYErrorBars(l)
	if err != nil {
		return err
	}
	look := lookOf(l.Library)
	line.Color, line.Width = look.color, vg.Points(1.5)
	points.GlyphStyle = draw.GlyphStyle{Color: look.color, Radius: vg.Points(3.5), Shape: look.shape}
	bars.Color, bars.CapWidth = look.color, vg.Points(6)
	p.Add(line, bars, points)
	p.Legend.Add(l.Label, line, points)
	return nil
}

// Len is the number of points.
func (l Line) Len() int { return len(l.Points) }

// XY is point i.
func (l Line) XY(i int) (x, y float64) { return l.Points[i].X, l.Points[i].Median }

// YError is how far the quartiles of point i lie below and above its median.
func (l Line) YError(i int) (low, high float64) {
	p := l.Points[i]
	return p.Median - p.Low, p.High - p.Median
}

// makeRoom extends the Y axis to whole decades, with one more above for the legend.
func (f Figure) makeRoom(p *plot.Plot) {
	p.Y.Min = math.Pow(10, math.Floor(math.Log10(p.Y.Min)))
	p.Y.Max = math.Pow(10, math.Ceil(math.Log10(p.Y.Max)+0.6))
	if p.X.Min == p.X.Max {
		p.X.Min, p.X.Max = p.X.Min/2, p.X.Max*2
	}
}

// ticks marks the values that were measured on the X axis.
func (f Figure) ticks() []plot.Tick {
	seen := map[float64]bool{}
	var ticks []plot.Tick
	for _, line := range f.Lines {
		for _, p := range line.Points {
			if !seen[p.X] {
				seen[p.X] = true
				ticks = append(ticks, plot.Tick{Value: p.X, Label: grouped(p.X)})
			}
		}
	}
	return ticks
}

// grouped writes a whole number with its thousands set apart.
func grouped(v float64) string {
	digits := strconv.FormatFloat(v, 'f', 0, 64)
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

// decades marks the powers of ten of nanoseconds with their unit.
func decades(low, high float64) []plot.Tick {
	units := []string{"ns", "us", "ms", "s"}
	var ticks []plot.Tick
	for e := int(math.Floor(math.Log10(low))); e <= int(math.Ceil(math.Log10(high))); e++ {
		value := math.Pow(10, float64(e))
		unit := max(0, min(e/3, len(units)-1))
		label := strconv.FormatFloat(math.Pow(10, float64(e-3*unit)), 'g', -1, 64) + " " + units[unit]
		ticks = append(ticks, plot.Tick{Value: value, Label: label})
		for minor := 2.0; minor < 10; minor++ {
			ticks = append(ticks, plot.Tick{Value: minor * value})
		}
	}
	return ticks
}

// look is how a library is drawn.
type look struct {
	color color.Color
	shape draw.GlyphDrawer
}

// lookOf gives each library a colour that can be told from the others by everybody, and a shape of its own.
func lookOf(library string) look {
	looks := map[string]look{
		"ours":       {color.RGBA{0xd5, 0x5e, 0x00, 0xff}, draw.CircleGlyph{}},
		"etcd36":     {color.RGBA{0x00, 0x72, 0xb2, 0xff}, draw.SquareGlyph{}},
		"etcd37":     {color.RGBA{0x56, 0xb4, 0xe9, 0xff}, draw.TriangleGlyph{}},
		"hashicorp":  {color.RGBA{0x00, 0x9e, 0x73, 0xff}, draw.CrossGlyph{}},
		"dragonboat": {color.RGBA{0xcc, 0x79, 0xa7, 0xff}, draw.PlusGlyph{}},
	}
	if l, known := looks[library]; known {
		return l
	}
	return look{color.Black, draw.RingGlyph{}}
}
