double area_circle(double radius)
{
    return 3.141592653589793 * radius * radius;
}
